/**
 * One scoring pass (mixture.md 6.1): spans and games from the seed, claims from all peers until their times are up, the
 * closing height, a beacon from the block above it, reveals, checks, and the exact Shapley value of every peer. What a
 * peer does wrong is its own failure; what fails here ends the pass for all.
 */
import { fromHex, toHex } from '../../protocol/bytes.ts'
import { NodeError } from '../../protocol/errors.ts'
import { answerStatuses } from '../../protocol/evidence.ts'
import type { EvidenceRecord } from '../../protocol/evidence.ts'
import { encodeChallenge, encodeQuery, expertRules } from '../../protocol/expert-messages.ts'
import type { ExpertMethod } from '../../protocol/expert-messages.ts'
import type { MixtureCompute, Model } from '../../protocol/ports/compute.ts'
import type { Ledger } from '../../protocol/ports/ledger.ts'
import type { Answer, Network } from '../../protocol/ports/network.ts'
import type { Clock, Log } from '../../protocol/ports/platform.ts'
import { judge, stepOf } from '../../scoring/answers.ts'
import type { Judged } from '../../scoring/answers.ts'
import { testedPosition } from '../../scoring/causality.ts'
import { games } from '../../scoring/invitations.ts'
import { beacon, openings } from '../../scoring/openings.ts'
import type { PlannedSpan, SpanSource } from '../../scoring/spans.ts'
import { fallbackClaims, FILLER_BYTES, spansPerStep } from '../../scoring/steps.ts'
import type { PeerStep } from '../../scoring/tally.ts'
import type { ChainWatch } from '../chain-watch.ts'
import type { Miner, MinerBook } from './miner-book.ts'
import type { ValidatorOptions } from './options.ts'
import type { Turn } from './turn.ts'

/** The time that a miner of the stated rate needs, as a multiple of it. */
const COMPUTE_FACTOR = 1.5
/** Stored for a peer that was compared to nobody: as far from everyone as the field can say. */
const FAR = 65_535

/** The most by which a busy validator stretches everybody's time. */
export const STRAIN_MAX = 4

export interface PassPlan {
  netuid: number
  pass: number
  seed: Uint8Array
  /** Bytes of a span. */
  length: number
  miners: readonly Miner[]
  /** How much more time everybody gets because this side is busy: 1 or more. */
  strain: number
}
export interface PassParts {
  ledger: Pick<Ledger, 'query'>
  network: Pick<Network, 'call'>
  mixture: MixtureCompute
  fallback: Pick<Model, 'predict'>
  spans: SpanSource
  watch: ChainWatch
  book: MinerBook
  clock: Pick<Clock, 'monotonic'>
  log: Log
  /** Claims of one pass at a time. */
  claiming: Turn
}
/** Bits per byte over all positions of the pass. */
export interface PassQuality {
  network: number
  uniform: number
  fallback: number
  bestSingle: number
}
export interface PassOutcome {
  records: EvidenceRecord[]
  games: PeerStep[][]
  positions: number
  height: number
  quality: PassQuality
}

interface Asked {
  span: PlannedSpan
  filler: Uint8Array
  commit: Answer | null
  reveal: Answer | null
  positions: number[]
  judged: Judged
}
interface Peer {
  miner: Miner
  asked: Asked[]
}

const failed: Judged = { status: 'late', claims: null, deviations: [] }

/** Runs one pass. @throws whatever fails on this side, VALIDATOR_DEAF when most answered too late; then nothing is recorded */
export async function runPass(plan: PassPlan, options: ValidatorOptions, parts: PassParts, signal: AbortSignal): Promise<PassOutcome> {
  const { seed, pass, length, miners } = plan
  const spans = parts.spans.plan(seed, pass, spansPerStep(length))
  const peers = miners.map((miner): Peer => ({
    miner,
    asked: spans.map((span) => {
      const filler = parts.spans.filler(seed, span, miner.uid, FILLER_BYTES)
      return { span, filler, commit: null, reveal: null, positions: [], judged: failed }
    }),
  }))
  const fallback = fallbackClaims(
    parts,
    spans.map(({ text }) => text),
  )
  // It is awaited below; a failure of it in between must not count as unhandled.
  fallback.catch(() => undefined)
  await parts.claiming.take(async () => {
    signal.throwIfAborted()
    await Promise.all(peers.map(async (peer) => await claim(peer, plan, options, parts, signal)))
  })
  requireHeard(peers.filter(({ asked }) => asked.some(({ commit }) => commit === null)).length, peers.length, plan)
  const height = parts.watch.tip.height
  const blockHash = await hashAbove(height, parts, signal)
  const mark = beacon(blockHash, seed)
  await Promise.all(peers.map(async (peer) => await reveal(peer, mark, height, plan, options, parts, signal)))
  for (const { asked, miner } of peers) {
    for (const query of asked) {
      const bodies = { commit: query.commit?.body ?? null, reveal: query.reveal?.body ?? null }
      const { queryId, text, swaps } = query.span
      query.judged = judge(parts.mixture, { queryId, text, swaps, positions: query.positions }, miner.hotkey, bodies)
    }
  }
  requireHeard(peers.filter(({ asked }) => asked.some(({ judged }) => judged.status === 'late')).length, peers.length, plan)
  const scored = await score(peers, spans.length, await fallback, plan, parts, signal)
  return {
    records: recordsOf(plan, spans, peers, scored.games, { height, blockHash }),
    games: scored.games,
    positions: spans.length * length,
    height,
    quality: scored.quality,
  }
}

/**
 * When all answer too late, or most of them while they could be given more time, the fault is more likely here than with
 * each of them. A silent majority gains little: once nobody can be given more time, the pass counts.
 */
function requireHeard(late: number, peers: number, { strain }: PassPlan): void {
  if (late === peers || (2 * late > peers && strain < STRAIN_MAX)) throw new NodeError('VALIDATOR_DEAF', { late, peers })
}

/** Hash of the first block above `height`. */
async function hashAbove(height: number, { watch, ledger }: PassParts, signal: AbortSignal): Promise<Uint8Array> {
  const tip = await watch.reached(height + 1, signal)
  if (tip.height === height + 1) return fromHex(tip.hash)
  const [block] = await ledger.query('blocks', height + 1, 1)
  if (block?.height !== height + 1) throw new NodeError('LEDGER_NOT_FOUND', { what: `block ${height + 1}` })
  return fromHex(block.hash)
}

/** A call whose failure is the peer's: null. Bodies over the method's size cannot be recorded and count as none. */
async function ask(
  method: ExpertMethod,
  miner: Miner,
  body: Uint8Array,
  call: { netuid: number; deadlineMs: number; signal: AbortSignal },
  { network, log }: Pick<PassParts, 'network' | 'log'>,
): Promise<Answer | null> {
  try {
    const answer = await network.call(miner.target, method, body, call)
    return answer.body.length > 0 && answer.body.length <= expertRules[method].answerBytesMax ? answer : null
  } catch (error) {
    call.signal.throwIfAborted()
    log.debug('a miner does not answer', { uid: miner.uid, method, reason: error instanceof Error ? error.message : String(error) })
    return null
  }
}

async function claim(
  { miner, asked }: Peer,
  plan: PassPlan,
  options: ValidatorOptions,
  parts: PassParts,
  signal: AbortSignal,
): Promise<void> {
  const { netuid, length } = plan
  const bytes = asked.length * (length + FILLER_BYTES)
  const due = miner.rttMs + (COMPUTE_FACTOR * bytes * 1_000) / Math.max(1, miner.rate) + options.commitSlackMs * plan.strain
  const call = { netuid, deadlineMs: Math.ceil(Math.min(due, options.callTimeoutMs)), signal }
  const begun = parts.clock.monotonic()
  await Promise.all(
    asked.map(async (query) => {
      const { span, filler } = query
      const body = encodeQuery({ queryId: span.queryId, length, filler, span: span.text.subarray(0, length - 1) })
      query.commit = await ask('expert.claim', miner, body, call, parts)
    }),
  )
  if (!asked.every(({ commit }) => commit !== null)) return
  parts.book.measureRate({ hotkey: toHex(miner.hotkey) }, bytes, parts.clock.monotonic() - begun - miner.rttMs)
}

/** Asks a peer that committed to everything to open; one that did not has failed the step already. */
async function reveal(
  { miner, asked }: Peer,
  mark: Uint8Array,
  height: number,
  plan: PassPlan,
  options: ValidatorOptions,
  parts: PassParts,
  signal: AbortSignal,
): Promise<void> {
  for (const query of asked) {
    const { queryId, swaps } = query.span
    query.positions = openings(mark, { queryId, uid: miner.uid, length: plan.length, swaps: swaps.map(testedPosition) })
  }
  if (!asked.every(({ commit }) => commit !== null)) return
  const deadlineMs = Math.ceil(miner.rttMs + options.revealLimitMs * plan.strain)
  const call = { netuid: plan.netuid, deadlineMs, signal }
  await Promise.all(
    asked.map(async (query) => {
      const body = encodeChallenge({ queryId: query.span.queryId, height: BigInt(height), positions: query.positions })
      query.reveal = await ask('expert.reveal', miner, body, call, parts)
      if (query.reveal !== null) parts.book.measureDistance({ hotkey: toHex(miner.hotkey) }, query.reveal)
    }),
  )
}

async function score(
  peers: readonly Peer[],
  spans: number,
  fallback: Uint16Array,
  { seed, pass, length }: PassPlan,
  { mixture }: PassParts,
  signal: AbortSignal,
): Promise<{ games: PeerStep[][]; quality: PassQuality }> {
  const byUid = new Map(peers.map((peer) => [peer.miner.uid, peer]))
  const cut = games(seed, pass, [...byUid.keys()])
  const played: PeerStep[][] = []
  const reports: PassQuality[] = []
  for (const uids of cut) {
    const players = uids.flatMap((uid) => byUid.get(uid) ?? [])
    const steps = players.map(({ asked }) => stepOf(asked.map(({ judged }) => judged)))
    const game = { length, spans, fallback, peers: steps.map(({ claims }) => claims) }
    const { phi } = await mixture.shapley(game, { signal })
    const { network, uniform, fallback: alone, single } = mixture.report(game)
    const answered = single.filter((bits) => !Number.isNaN(bits))
    reports.push({ network, uniform, fallback: alone, bestSingle: answered.length > 0 ? Math.min(...answered) : alone })
    played.push(
      players.map(({ miner: { uid, hotkey } }, i) => {
        const { status, deviations } = steps[i] as Judged
        return { uid, hotkey, phi: phi[i] ?? 0n, status, deviations }
      }),
    )
  }
  const mean = (of: keyof PassQuality): number => reports.reduce((sum, report) => sum + report[of], 0) / reports.length
  return {
    games: played,
    quality: { network: mean('network'), uniform: mean('uniform'), fallback: mean('fallback'), bestSingle: mean('bestSingle') },
  }
}

function recordsOf(
  { pass }: PassPlan,
  spans: readonly PlannedSpan[],
  peers: readonly Peer[],
  played: readonly PeerStep[][],
  { height, blockHash }: { height: number; blockHash: Uint8Array },
): EvidenceRecord[] {
  const none = new Uint8Array(0)
  return [
    ...spans.map(({ queryId, text, swaps }): EvidenceRecord => ({
      kind: 'span',
      value: { pass, queryId, source: 0, text, swaps, probes: [] },
    })),
    ...played.map((steps, game): EvidenceRecord => {
      const players = steps.map(({ uid, hotkey }) => ({ uid, hotkey, tier: 0, cluster: uid, leader: uid, d: FAR, rho: 0 }))
      return { kind: 'game', value: { pass, game, peers: players } }
    }),
    ...peers.flatMap(({ miner: { uid }, asked }) =>
      asked.map(({ span, filler, commit, reveal: opened, judged }): EvidenceRecord => ({
        kind: 'answer',
        value: {
          pass,
          uid,
          queryId: span.queryId,
          filler,
          status: answerStatuses.indexOf(judged.status),
          claimHead: commit?.head ?? none,
          claimSignature: commit?.signature ?? none,
          revealHead: opened?.head ?? none,
          revealSignature: opened?.signature ?? none,
          commit: commit?.body ?? none,
          reveal: opened?.body ?? none,
          score: 0,
        },
      })),
    ),
    { kind: 'close', value: { pass, height, blockHash } },
    ...played.map((steps, game): EvidenceRecord => ({
      kind: 'score',
      value: { pass, game, phi: steps.map(({ uid, phi }) => ({ uid, phi })) },
    })),
  ]
}
