/**
 * A validator's evidence and the statistics that follow from it, in one append-only list (mixture.md 6.7). Every append
 * ends with the state after it, so that records and statistics are durable together and a restart goes on from the last
 * item. A list of evidence runs from one commitment of weights to the next; a state item is no record and has no index.
 */
import {
  ByteListType,
  ByteVectorType,
  ContainerType,
  ListBasicType,
  ListCompositeType,
  UintBigintType,
  UintNumberType,
} from '@chainsafe/ssz'
import { concat } from '../../protocol/bytes.ts'
import { NodeError } from '../../protocol/errors.ts'
import { decodeRecord, encodeRecord, evidenceRoot, recordLeaf, STATISTICS_BYTES_MAX } from '../../protocol/evidence.ts'
import type { EvidenceRecord } from '../../protocol/evidence.ts'
import { kdf } from '../../protocol/hash.ts'
import type { Random } from '../../protocol/ports/platform.ts'
import type { RecordList } from '../../protocol/ports/records.ts'
import { sszCodec } from '../../protocol/ssz-codec.ts'
import { decodeStatistics, encodeStatistics, statisticsHash } from '../../scoring/statistics.ts'
import type { Statistics } from '../../scoring/statistics.ts'
import type { Tally } from '../../scoring/tally.ts'

/** First byte of a state item; records begin with their kind, which is small. */
const STATE = 255
/** Records read at once. */
const READ_ITEMS = 512
/** Passes that a crash may have begun without a trace: their numbers are not used again, or queries would repeat. */
const PASSES_SKIPPED = 1_000

const u16 = new UintNumberType(2)
const u32 = new UintNumberType(4)
const u64 = new UintNumberType(8)
const B32 = new ByteVectorType(32)
const row = new ListBasicType(u16, 4_096)
const stats = new ByteListType(STATISTICS_BYTES_MAX)

/** Where a list of evidence lies, and what belongs to it. */
export interface EvidenceList {
  /** Index of its record 0 in the RecordList, and its records (state items lie between them). */
  first: number
  count: number
  seed: Uint8Array
  /** Encoded statistics before its first record. */
  before: Uint8Array
}
/** A row of weights on its way: committed, or about to be, and not revealed yet. */
export interface PendingWeights extends EvidenceList {
  epoch: bigint
  uids: number[]
  values: number[]
  root: Uint8Array
  /** Height of the commitment; 0 while its receipt is not known. */
  height: number
}
interface State extends EvidenceList {
  pass: number
  nextSeed: Uint8Array
  statistics: Uint8Array
  tally: { uid: number; served: number; strikes: number }[]
  pending: PendingWeights[]
}
const list = { first: u64, count: u32, seed: B32, before: stats }
const stateCodec = sszCodec<State>(
  'state of a validator',
  new ContainerType({
    ...list,
    pass: u32,
    nextSeed: B32,
    statistics: stats,
    tally: new ListCompositeType(new ContainerType({ uid: u16, served: u64, strikes: u16 }), 4_096),
    pending: new ListCompositeType(
      new ContainerType({ ...list, epoch: new UintBigintType(8), uids: row, values: row, root: B32, height: u64 }),
      10,
    ),
  }),
)

export interface EvidenceLogOptions {
  netuid: number
}
export interface EvidenceLogParts {
  list: RecordList
  random: Random
}

export class EvidenceLog {
  readonly #netuid: number
  readonly #list: RecordList
  readonly #random: Random
  #statistics: Statistics = new Map()
  #tally: Tally = new Map()
  #current: EvidenceList = { first: 0, count: 0, seed: new Uint8Array(32), before: new Uint8Array(0) }
  #nextSeed = new Uint8Array(32)
  #leaves: Uint8Array[] = []
  #pending: PendingWeights[] = []
  #pass = 0
  /** Passes in the current list. */
  #passes = 0
  /** Appends go one after the other: each holds the state after it. */
  #last: Promise<unknown> = Promise.resolve()

  private constructor({ netuid }: EvidenceLogOptions, { list: records, random }: EvidenceLogParts) {
    this.#netuid = netuid
    this.#list = records
    this.#random = random
  }

  /** Goes on from the last item, or starts the first list. @throws NodeError VALIDATOR_STATE when the last item is none of ours */
  static async open(
    options: EvidenceLogOptions,
    parts: EvidenceLogParts,
    start: { epoch: bigint; params: Uint8Array },
  ): Promise<EvidenceLog> {
    const log = new EvidenceLog(options, parts)
    const { next } = await parts.list.bounds()
    if (next === 0) {
      log.#nextSeed = new Uint8Array(parts.random.bytes(32))
      await log.#begin([], start)
    } else if (!(await log.#load(next))) await log.#begin([], start)
    return log
  }

  get statistics(): Statistics {
    return this.#statistics
  }
  get tally(): Tally {
    return this.#tally
  }
  get seed(): Uint8Array {
    return this.#current.seed
  }
  /** Passes recorded in the current list. */
  get passes(): number {
    return this.#passes
  }
  get pending(): readonly PendingWeights[] {
    return this.#pending
  }

  /** The next pass number; never given twice, not even after a crash. */
  takePass(): number {
    return this.#pass++
  }

  /**
   * Appends the records of one pass, durable when it resolves; `add` puts its outcome into statistics and tally. A pass of
   * another list's seed came too late and is left out.
   * @returns whether the pass counts
   */
  async addPass(
    seed: Uint8Array,
    records: readonly EvidenceRecord[],
    add: (statistics: Statistics, tally: Tally) => void,
  ): Promise<boolean> {
    return await this.#inTurn(async () => {
      if (seed !== this.#current.seed) return false
      const statistics = new Map(this.#statistics)
      const tally = new Map(this.#tally)
      add(statistics, tally)
      await this.#append(records.map(encodeRecord), { statistics, tally })
      this.#passes += 1
      return true
    })
  }

  /**
   * Ends the current list with the row it led to and begins the next one. The row is pending from now on: its salt is the
   * list's seed, which the reveal makes public.
   */
  async seal(epoch: bigint, weights: { uids: Uint16Array; values: Uint16Array }, params: Uint8Array): Promise<PendingWeights> {
    return await this.#inTurn(async () => {
      const record = encodeRecord({ kind: 'weights', value: { ...weights, stats: statisticsHash(this.#statistics) } })
      const root = evidenceRoot([...this.#leaves, recordLeaf(this.#leaves.length, record)])
      const { first, count, seed, before } = this.#current
      const uids = [...weights.uids]
      const pending = { first, count: count + 1, seed, before, epoch, uids, values: [...weights.values], root, height: 0 }
      this.#pending.push(pending)
      await this.#begin([record], { epoch: epoch + 1n, params })
      return pending
    })
  }

  /** Notes that the commitment is on the ledger. */
  async committed(pending: PendingWeights, height: number): Promise<void> {
    await this.#inTurn(async () => {
      pending.height = height
      await this.#append([])
    })
  }

  /** Forgets a row that was revealed, or can be no more. */
  async settled(pending: PendingWeights): Promise<void> {
    await this.#inTurn(async () => {
      this.#pending = this.#pending.filter((other) => other !== pending)
      await this.#append([])
    })
  }

  /** Records `from`..`from+count-1` of a list, as stored, at most `bytesMax` bytes of them. Fewer where the store dropped some. */
  async read(of: EvidenceList, from: number, count: number, bytesMax: number): Promise<Uint8Array[]> {
    const found: Uint8Array[] = []
    let bytes = 0
    let index = 0
    const { next } = await this.#list.bounds()
    for (let at = of.first; at < next && index < of.count; at += READ_ITEMS) {
      const items = await this.#list.range(at, Math.min(READ_ITEMS, next - at))
      if (items.length === 0 || items[0]?.index !== at) return found
      for (const { value } of items) {
        if (value[0] === STATE || index >= of.count) continue
        const wanted = index >= from && index < from + count
        index += 1
        if (!wanted) continue
        bytes += value.length
        if (bytes > bytesMax) return found
        found.push(value)
      }
    }
    return found
  }

  async #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#last.then(work)
    this.#last = turn.catch(() => undefined)
    return await turn
  }

  /** Record 0 of a new list behind the records that end the one before. */
  async #begin(ending: readonly Uint8Array[], { epoch, params }: { epoch: bigint; params: Uint8Array }): Promise<void> {
    const { next } = await this.#list.bounds()
    const seed = this.#nextSeed
    this.#nextSeed = new Uint8Array(this.#random.bytes(32))
    const before = encodeStatistics(this.#statistics)
    const start = encodeRecord({
      kind: 'start',
      value: {
        epoch,
        netuid: this.#netuid,
        params,
        stats: statisticsHash(this.#statistics),
        seedCommit: kdf('seed', seed),
        nextSeedCommit: kdf('seed', this.#nextSeed),
      },
    })
    this.#current = { first: next + ending.length, count: 1, seed, before }
    this.#leaves = [recordLeaf(0, start)]
    this.#tally = new Map()
    this.#passes = 0
    await this.#list.append([...ending, start, this.#state({ statistics: this.#statistics, tally: this.#tally, current: this.#current })])
  }

  /** Memory changes only after the disk did: a failed append leaves the state that the list ends with. */
  async #append(records: readonly Uint8Array[], change: { statistics?: Statistics; tally?: Tally } = {}): Promise<void> {
    const leaves = records.map((record, i) => recordLeaf(this.#leaves.length + i, record))
    const { statistics = this.#statistics, tally = this.#tally } = change
    const current = { ...this.#current, count: this.#current.count + records.length }
    await this.#list.append([...records, this.#state({ statistics, tally, current })])
    this.#statistics = statistics
    this.#tally = tally
    this.#current = current
    this.#leaves.push(...leaves)
  }

  #state({ statistics, tally, current }: { statistics: Statistics; tally: Tally; current: EvidenceList }): Uint8Array {
    const counts = [...tally].map(([uid, held]) => ({ uid, ...held })).toSorted((a, b) => a.uid - b.uid)
    const state: State = {
      ...current,
      pass: this.#pass,
      nextSeed: this.#nextSeed,
      statistics: encodeStatistics(statistics),
      tally: counts,
      pending: this.#pending,
    }
    return concat(Uint8Array.of(STATE), stateCodec.encode(state))
  }

  /** @returns false where the store dropped records of the list under way: then a new one goes on from its statistics */
  async #load(next: number): Promise<boolean> {
    const [item] = await this.#list.range(next - 1, 1)
    if (item?.value[0] !== STATE) throw new NodeError('VALIDATOR_STATE', { index: next - 1 })
    const state = stateCodec.decode(item.value.subarray(1))
    this.#statistics = decodeStatistics(state.statistics)
    this.#tally = new Map(state.tally.map(({ uid, served, strikes }) => [uid, { served, strikes }]))
    this.#current = { first: state.first, count: state.count, seed: state.seed, before: state.before }
    this.#nextSeed = new Uint8Array(state.nextSeed)
    this.#pending = state.pending
    this.#pass = state.pass + PASSES_SKIPPED
    const records = await this.read(this.#current, 0, state.count, Number.MAX_SAFE_INTEGER)
    if (records.length !== state.count) return false
    this.#leaves = records.map((record, index) => recordLeaf(index, record))
    this.#passes = new Set(records.map(decodeRecord).flatMap((record) => (record.kind === 'close' ? [record.value.pass] : []))).size
    return true
  }
}
