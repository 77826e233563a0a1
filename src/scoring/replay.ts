/**
 * Recomputes an epoch of evidence (mixture.md 6.7): root, query ids, games, openings, commits, paths, phi, statistics and
 * weights, to the same integers. Anyone who has the records, the seed and the statistics before can do this.
 */
import { equal, toHex } from '../protocol/bytes.ts'
import { answerStatuses, decodeRecord, evidenceRoot, recordLeaf, SWAP_ALTERNATIVES } from '../protocol/evidence.ts'
import type { AnswerRecord, CloseRecord, EvidenceRecord, GameRecord, ScoreRecord, SpanRecord, WeightsRecord } from '../protocol/evidence.ts'
import { kdf } from '../protocol/hash.ts'
import type { MixtureCompute, Model } from '../protocol/ports/compute.ts'
import { judge, stepOf } from './answers.ts'
import { testedPosition } from './causality.ts'
import { games } from './invitations.ts'
import { beacon, openings } from './openings.ts'
import { queryId, swapChoice } from './spans.ts'
import { decodeStatistics, statisticsHash } from './statistics.ts'
import type { Statistics } from './statistics.ts'
import { fallbackClaims, parametersHash, spansPerStep } from './steps.ts'
import type { ScoringParameters } from './steps.ts'
import { addGame, weightsOf } from './tally.ts'
import type { PeerStep, Tally } from './tally.ts'

export interface ReplayInput {
  /** Records as served: kind ‖ ssz, in order. */
  records: readonly Uint8Array[]
  /** The evidence root on the ledger. */
  root: Uint8Array
  seed: Uint8Array
  /** Encoded statistics before the first record. */
  statistics: Uint8Array
  /** The row that the ledger counted, where it is known. */
  row?: { uids: Uint16Array; values: Uint16Array } | undefined
  parameters: ScoringParameters
}
export interface ReplayResult {
  records: number
  rootOk: boolean
  phiOk: boolean
  weightsOk: boolean
  /** Where record and recomputation part first; null when they never do. */
  firstDifference: string | null
  /** Statistics after, as recomputed: the next epoch's statistics before. */
  after: Statistics
}
interface Parts {
  mixture: MixtureCompute
  fallback: Pick<Model, 'predict'>
}
interface Pass {
  spans: SpanRecord[]
  games: GameRecord[]
  answers: AnswerRecord[]
  close: CloseRecord
  scores: ScoreRecord[]
}

/** What the records say and what came out, under the heading that fails with it. */
class Differences {
  first: string | null = null
  phi = false
  weights = false

  note(what: 'phi' | 'weights', text: string): void {
    this.first ??= text
    this[what] = true
  }
}

/** Groups records into passes; a pass lies together and is whole, or the list is malformed. */
function passesOf(records: readonly EvidenceRecord[]): Pass[] | null {
  const passes = new Map<number, Partial<Pass> & Pick<Pass, 'spans' | 'games' | 'answers' | 'scores'>>()
  for (const record of records) {
    if (record.kind === 'start' || record.kind === 'weights') continue
    const { pass } = record.value
    const held = passes.get(pass) ?? { spans: [], games: [], answers: [], scores: [] }
    if (record.kind === 'span') held.spans.push(record.value)
    if (record.kind === 'game') held.games.push(record.value)
    if (record.kind === 'answer') held.answers.push(record.value)
    if (record.kind === 'close') held.close = record.value
    if (record.kind === 'score') held.scores.push(record.value)
    passes.set(pass, held)
  }
  const whole: Pass[] = []
  for (const pass of passes.values()) {
    const { close } = pass
    if (close === undefined || pass.scores.length !== pass.games.length) return null
    whole.push({ ...pass, close })
  }
  return whole
}

/** Whether a pass can be computed at all: what the spans promise holds, and nothing points outside of them. */
function checkSpans(pass: Pass, input: ReplayInput, differences: Differences): boolean {
  const { length } = input.parameters
  for (const [i, span] of pass.spans.entries()) {
    const where = `span ${i} of pass ${span.pass}`
    if (!equal(span.queryId, queryId(input.seed, span.pass, i))) differences.note('phi', `query id of ${where}`)
    const choice = swapChoice(input.seed, span.queryId)
    for (const swap of span.swaps) {
      const word = swap.words[swap.chosen]
      const stands = word !== undefined && equal(span.text.subarray(swap.first, swap.first + word.length), word)
      if (!stands || swap.words.length !== SWAP_ALTERNATIVES || swap.chosen !== choice.below(SWAP_ALTERNATIVES)) {
        differences.note('phi', `swap of ${where}`)
      }
    }
    if (span.text.length === length && span.swaps.every((swap) => testedPosition(swap) < length - 1)) continue
    differences.note('phi', `size of ${where}`)
    return false
  }
  if (pass.spans.length !== spansPerStep(length)) {
    differences.note('phi', `spans of pass ${pass.close.pass}`)
    return false
  }
  const uids = pass.games.flatMap(({ peers }) => peers.map(({ uid }) => uid)).toSorted((a, b) => a - b)
  const cut = games(input.seed, pass.close.pass, uids)
  const recorded = pass.games.map(({ peers }) => peers.map(({ uid }) => uid))
  if (JSON.stringify(cut) !== JSON.stringify(recorded)) differences.note('phi', `games of pass ${pass.close.pass}`)
  return true
}

/** One peer's step from its answers, checked against the statuses that were recorded. */
function stepFrom(
  pass: Pass,
  peer: { uid: number; hotkey: Uint8Array },
  mark: Uint8Array,
  parts: Parts,
  differences: Differences,
): ReturnType<typeof stepOf> {
  const judged = pass.spans.map((span) => {
    const answer = pass.answers.find(({ uid, queryId: id }) => uid === peer.uid && equal(id, span.queryId))
    const where = `answer of uid ${peer.uid} in pass ${pass.close.pass}`
    if (answer === undefined) {
      differences.note('phi', `no ${where}`)
      return { status: 'late' as const, claims: null, deviations: [] }
    }
    const recorded = answerStatuses[answer.status] ?? 'late'
    // Time cannot be played again: a body that came late is not recorded, so a late answer lacks one.
    const positions = openings(mark, {
      queryId: span.queryId,
      uid: peer.uid,
      length: span.text.length,
      swaps: span.swaps.map(testedPosition),
    })
    const bodies = { commit: answer.commit.length > 0 ? answer.commit : null, reveal: answer.reveal.length > 0 ? answer.reveal : null }
    const result = judge(parts.mixture, { queryId: span.queryId, text: span.text, swaps: span.swaps, positions }, peer.hotkey, bodies)
    if (result.status !== recorded) differences.note('phi', `${where} is ${result.status}, recorded ${recorded}`)
    return result
  })
  return stepOf(judged)
}

async function replayPass(
  pass: Pass,
  input: ReplayInput,
  parts: Parts,
  differences: Differences,
  statistics: Statistics,
  tally: Tally,
): Promise<void> {
  if (!checkSpans(pass, input, differences)) return
  const texts = pass.spans.map(({ text }) => text)
  const fallback = await fallbackClaims(parts, texts)
  const mark = beacon(pass.close.blockHash, input.seed)
  const { length } = input.parameters
  for (const [i, { peers, game }] of pass.games.entries()) {
    const steps = peers.map((peer) => stepFrom(pass, peer, mark, parts, differences))
    const { phi } = await parts.mixture.shapley({ length, spans: texts.length, fallback, peers: steps.map(({ claims }) => claims) })
    const recorded = pass.scores[i]
    const scored = peers.map(({ uid, hotkey }, at): PeerStep => {
      const { status, deviations } = steps[at] as (typeof steps)[number]
      const value = phi[at] ?? 0n
      const said = recorded?.phi[at]
      if (said?.uid !== uid || said.phi !== value) {
        differences.note('phi', `phi of uid ${uid} in pass ${pass.close.pass}: ${value}, recorded ${said?.phi ?? 'none'}`)
      }
      return { uid, hotkey, phi: value, status, deviations }
    })
    if (recorded?.game !== game || recorded.phi.length !== peers.length) differences.note('phi', `score of pass ${pass.close.pass}`)
    addGame(statistics, tally, length * texts.length, scored)
  }
}

function checkWeights(
  record: WeightsRecord | undefined,
  input: ReplayInput,
  differences: Differences,
  statistics: Statistics,
  tally: Tally,
): void {
  if (record === undefined) {
    differences.note('weights', 'no weights')
    return
  }
  const row = weightsOf(statistics, tally)
  const text = ({ uids, values }: { uids: Uint16Array; values: Uint16Array }): string =>
    [...uids].map((uid, i) => `${uid}:${values[i]}`).join(' ')
  if (text(row) !== text(record)) differences.note('weights', `weights ${text(row)}, recorded ${text(record)}`)
  if (input.row !== undefined && text(input.row) !== text(record))
    differences.note('weights', `weights ${text(record)}, on the ledger ${text(input.row)}`)
  if (!equal(record.stats, statisticsHash(statistics))) differences.note('weights', 'statistics after')
}

function checkStart(records: readonly EvidenceRecord[], input: ReplayInput, differences: Differences, before: Statistics): void {
  const [first] = records
  if (first?.kind !== 'start' || records.filter(({ kind }) => kind === 'start').length !== 1) {
    differences.note('phi', 'the list does not begin with record 0')
    return
  }
  const { stats, seedCommit, params } = first.value
  if (!equal(stats, statisticsHash(before))) differences.note('phi', 'statistics before')
  if (!equal(seedCommit, kdf('seed', input.seed))) differences.note('phi', 'the seed is not the one bound')
  if (!equal(params, parametersHash(input.parameters))) differences.note('phi', 'parameters')
}

/** Never throws for what the records hold: whatever is wrong with them is a difference. */
export async function replay(input: ReplayInput, parts: Parts): Promise<ReplayResult> {
  const differences = new Differences()
  const root = evidenceRoot(input.records.map((record, index) => recordLeaf(index, record)))
  const rootOk = equal(root, input.root)
  if (!rootOk) differences.first = `root ${toHex(root)}, on the ledger ${toHex(input.root)}`
  const records: EvidenceRecord[] = []
  let statistics: Statistics = new Map()
  const tally: Tally = new Map()
  try {
    statistics = decodeStatistics(input.statistics)
    for (const record of input.records) records.push(decodeRecord(record))
  } catch {
    differences.note(
      'phi',
      records.length < input.records.length ? `record ${records.length} is malformed` : 'statistics before are malformed',
    )
    differences.weights = true
    return { records: input.records.length, rootOk, phiOk: false, weightsOk: false, firstDifference: differences.first, after: statistics }
  }
  checkStart(records, input, differences, statistics)
  const passes = passesOf(records)
  if (passes === null) differences.note('phi', 'a pass is not whole')
  for (const pass of passes ?? []) await replayPass(pass, input, parts, differences, statistics, tally)
  const last = records.at(-1)
  checkWeights(last?.kind === 'weights' ? last.value : undefined, input, differences, statistics, tally)
  return {
    records: input.records.length,
    rootOk,
    phiOk: !differences.phi,
    weightsOk: !differences.weights,
    firstDifference: differences.first,
    after: statistics,
  }
}
