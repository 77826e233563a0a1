/**
 * How many peers one core of a validator can judge: their messages decoded, commitments and openings verified, a step's
 * exact contributions computed, as `roles/validator` does it. A step is 8 spans of 256 bytes.
 */
import { concat, equal } from '../../protocol/bytes.ts'
import { encodeCommit, encodeReveal } from '../../protocol/expert-messages.ts'
import { LEAF_BYTES, type Compute, type GameOutput } from '../../protocol/ports/compute.ts'
import { judge, stepOf, type AskedSpan, type Judged } from '../../scoring/answers.ts'
import { OPENINGS } from '../../scoring/openings.ts'
import { demand, figure, time, type BenchContext, type Found } from './measure.ts'
import { seededBelow, seededBytes } from './seeded.ts'

const PEERS = 12
const SPANS = 8
const LENGTH = 256
const SECONDS_PER_MINUTE = 60

interface Peer {
  hotkey: Uint8Array
  bodies: { commit: Uint8Array; reveal: Uint8Array }[]
}
interface Round {
  spans: AskedSpan[]
  fallback: Uint16Array
  peers: Peer[]
}
type Mixture = Compute['mixture']

/** What an honest peer sends for one span. */
function answer(mixture: Mixture, span: AskedSpan, hotkey: Uint8Array, leaves: Uint8Array, salt: Uint8Array): Peer['bodies'][number] {
  const claims = mixture.claims(leaves, span.text).slice(0, LENGTH - 1)
  const { root, commit } = mixture.commit({ queryId: span.queryId, hotkey, leaves, claims, salt })
  const paths = mixture.paths(leaves.subarray(0, (LENGTH - 1) * LEAF_BYTES), Uint16Array.from(span.positions))
  const leaf = (position: number): Uint8Array => leaves.slice(position * LEAF_BYTES, (position + 1) * LEAF_BYTES)
  const openings = span.positions.map((position, i) => {
    const path = paths[i] ?? new Uint8Array()
    return { position, leaf: leaf(position), path: Array.from({ length: path.length / 32 }, (_, at) => path.slice(32 * at, 32 * at + 32)) }
  })
  return {
    commit: encodeCommit({ queryId: span.queryId, commit }),
    reveal: encodeReveal({ queryId: span.queryId, root, salt, lastLeaf: leaf(LENGTH - 1), claims, openings }),
  }
}

function roundOf(mixture: Mixture, seed: Uint8Array): Round {
  const spans = Array.from({ length: SPANS }, (_, i): AskedSpan => {
    const positions = [...new Set(seededBelow(seed, `positions ${i}`, 4 * OPENINGS, LENGTH - 1))].slice(0, OPENINGS)
    return { queryId: seededBytes(seed, `query ${i}`, 16), text: seededBytes(seed, `text ${i}`, LENGTH), swaps: [], positions }
  })
  const leavesOf = (who: string, span: number): Uint8Array => seededBytes(seed, `leaves ${who} ${span}`, LENGTH * LEAF_BYTES)
  const peers = Array.from({ length: PEERS }, (_, peer): Peer => {
    const hotkey = seededBytes(seed, `hotkey ${peer}`, 32)
    const bodies = spans.map((span, i) =>
      answer(mixture, span, hotkey, leavesOf(String(peer), i), seededBytes(seed, `salt ${peer} ${i}`, 32)),
    )
    return { hotkey, bodies }
  })
  const fallback = Uint16Array.from(spans.flatMap((span, i) => [...mixture.claims(leavesOf('fallback', i), span.text)]))
  return { spans, fallback, peers }
}

const judged = (mixture: Mixture, { spans, peers }: Round): Judged[] =>
  peers.map(({ hotkey, bodies }) =>
    stepOf(spans.map((span, i) => judge(mixture, span, hotkey, bodies[i] ?? { commit: null, reveal: null }))),
  )
const score = async (mixture: Mixture, round: Round): Promise<GameOutput> =>
  await mixture.shapley({
    length: LENGTH,
    spans: SPANS,
    fallback: round.fallback,
    peers: judged(mixture, round).map(({ claims }) => claims),
  })

async function check(mixture: Mixture, round: Round): Promise<void> {
  demand(
    judged(mixture, round).every(({ status }) => status === 'in time'),
    'the answers of honest peers',
  )
  const { phi, all, none } = await score(mixture, round)
  const sum = Number(phi.reduce((total, one) => total + one, 0n)) / 2 ** 32
  demand(Math.abs(sum - (all - none)) < 1e-6, 'the sum of contributions of judged peers')
  const [liar, ...honest] = round.peers
  const [first, ...rest] = liar?.bodies ?? []
  if (liar === undefined || first === undefined) return
  // The last bytes are a leaf's path: another leaf then was opened than was committed to.
  const reveal = concat(first.reveal)
  reveal.set([(reveal.at(-1) ?? 0) ^ 1], reveal.length - 1)
  const statuses = judged(mixture, { ...round, peers: [{ ...liar, bodies: [{ ...first, reveal }, ...rest] }, ...honest] })
  demand(!equal(reveal, first.reveal) && statuses[0]?.status === 'wrong' && statuses[1]?.status === 'in time', 'the answer of a lying peer')
}

/** Times it. */
export async function measurePeers(context: BenchContext): Promise<Found> {
  const { mixture } = context.compute
  const round = roundOf(mixture, context.seed)
  await check(mixture, round)
  const times = await time(context, async () => await score(mixture, round))
  return { metric: figure('mixture.peers', '1/min', times, PEERS * SECONDS_PER_MINUTE, { backend: 'cpu', threads: 1 }) }
}
