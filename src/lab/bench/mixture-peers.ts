/**
 * How many peers one core of a validator judges in a minute, by the code that does it. For each peer of a step of 8 spans of
 * 256 bytes: both answers to each span are cut out of their frames, hashed and held against the call, and their signature by
 * the peer's hotkey is verified; commitment and reveal are decoded strictly, the commitment is made again, the 4 opened
 * leaves climb to its root and decode to their claims; the leaves of swapped words go through the test of causality; 12 peers
 * play their exact game; and scores and deviations enter the statistics that are paid by. Left out is what does not belong to
 * a peer's answer: planning spans, asking, the fallback's own claims, and keeping the evidence.
 */
import { NodeError } from '../../protocol/errors.ts'
import { FrameDecoder } from '../../protocol/frame-codec.ts'
import { sha256 } from '../../protocol/hash.ts'
import type { Compute } from '../../protocol/ports/compute.ts'
import { answerCap, AnswerReader } from '../../network/answer-reader.ts'
import { judge, stepOf, type Judged } from '../../scoring/answers.ts'
import { PHI_ONE } from '../../scoring/statistics.ts'
import { addGame, type PeerStep } from '../../scoring/tally.ts'
import { demand, figure, time, type BenchContext, type Found } from './measure.ts'
import { answeredStep, LENGTH, openedBy, type AnsweredStep, type PeerAnswers, type SignedAnswer } from './peer-answers.ts'

/** The players of an exact game. */
const PEERS = 12
const SECONDS_PER_MINUTE = 60

type Parts = Pick<Compute, 'mixture' | 'signature'>

/** The body of an answer that its End proves; null, as for one that never came, where it proves nothing. */
function bodyOf({ signature }: Parts, receiver: Uint8Array, { call, frame }: SignedAnswer): Uint8Array | null {
  try {
    const frames = new FrameDecoder(answerCap)
    frames.push(frame)
    const end = frames.next()
    if (end?.kind !== 'end') return null
    return new AnswerReader(sha256(call), { receiver, unsignedEnd: false }, signature).finish(end.value, call, 0).body
  } catch (error) {
    if (error instanceof NodeError && error.code.startsWith('WIRE_')) return null
    throw error
  }
}

function judged(parts: Parts, { spans, mark }: AnsweredStep, { uid, hotkey, answers }: PeerAnswers): Judged {
  const each = spans.map((span, i) => {
    const answer = answers[i]
    const positions = openedBy(mark, span, uid)
    const bodies = {
      commit: answer === undefined ? null : bodyOf(parts, hotkey, answer.commit),
      reveal: answer === undefined ? null : bodyOf(parts, hotkey, answer.reveal),
    }
    return judge(parts.mixture, { ...span, positions }, hotkey, bodies)
  })
  return stepOf(each)
}

interface Scored {
  peers: PeerStep[]
  all: number
  none: number
}
async function score(parts: Parts, step: AnsweredStep): Promise<Scored> {
  const steps = step.peers.map((peer) => judged(parts, step, peer))
  const { phi, all, none } = await parts.mixture.shapley({
    length: LENGTH,
    spans: step.spans.length,
    fallback: step.fallback,
    peers: steps.map(({ claims }) => claims),
  })
  const peers = steps.map(({ status, deviations }, i): PeerStep => {
    const { uid = 0, hotkey = new Uint8Array() } = step.peers[i] ?? {}
    return { uid, hotkey, phi: phi[i] ?? 0n, status, deviations }
  })
  addGame(new Map(), new Map(), step.fallback.length, peers)
  return { peers, all, none }
}

async function check(parts: Parts, step: AnsweredStep, liar: PeerAnswers): Promise<void> {
  const { peers, all, none } = await score(parts, step)
  demand(
    peers.every(({ status }) => status === 'in time'),
    'the answers of honest peers',
  )
  demand(
    peers.every(({ deviations }) => deviations.length > 0),
    'the test of causality',
  )
  const sum = Number(peers.reduce((total, { phi }) => total + phi, 0n)) / PHI_ONE
  demand(Math.abs(sum - (all - none)) < 1e-6, 'the sum of contributions of judged peers')
  demand(judged(parts, step, liar).status === 'wrong', 'the answer of a lying peer')
  const [first, second] = step.peers
  if (first === undefined || second === undefined) return
  demand(judged(parts, step, { ...first, answers: second.answers }).status === 'late', 'answers that another peer has signed')
}

/** Times it. */
export async function measurePeers(context: BenchContext): Promise<Found> {
  const { mixture, signature } = context.compute
  const parts = { mixture, signature }
  const { liar, ...step } = answeredStep(parts, context.seed, PEERS)
  if (context.round === 0) await check(parts, step, liar)
  const times = await time(context, async () => await score(parts, step))
  return { metric: figure('mixture.peers', '1/min', times, PEERS * SECONDS_PER_MINUTE, { backend: 'cpu', threads: 1 }) }
}
