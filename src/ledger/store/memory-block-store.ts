/** A block store in memory, for simulators and tests: the rules of the durable one, with faults on demand. */
import { NodeError } from '../../protocol/errors.ts'
import type { BlockStore, StoredBlock } from '../../protocol/ports/block-store.ts'
import type { Log } from '../../protocol/ports/platform.ts'
import {
  checkOrder,
  mayPrune,
  PRUNED_PER_APPEND,
  RETENTION,
  type Retention,
  ROW_TABLES,
  type RowTable,
  SNAPSHOTS_KEPT,
} from './block-rules.ts'
import { storeCorrupt } from './failure.ts'
import { type Fault, type FaultPlan, type FaultPoint, MemoryDisk } from './memory-disk.ts'
import { continuityFault, encodeSlot, type Mark, readSlots } from './watermark.ts'

export interface MemoryBlockStoreOptions {
  retention?: Retention
  /** Default: no fault ever. */
  faults?: FaultPlan
}

const NAME = 'memory'
const SPACE_NEEDED: readonly FaultPoint[] = ['append', 'commit', 'snapshot']

/** Opens the store on a disk (a fresh one by default). @throws STORE_LOCKED while another store is open on it, STORE_CORRUPT */
export function memoryBlockStore(options: MemoryBlockStoreOptions = {}, parts: { disk?: MemoryDisk; log?: Log } = {}): BlockStore {
  const disk = parts.disk ?? new MemoryDisk()
  if (disk.held) throw new NodeError('STORE_LOCKED', { folder: NAME })
  const read = readSlots(disk.slots)
  if (read === null) throw storeCorrupt(NAME, 'the watermark', 'both slots are damaged')
  const end = disk.blocks.get(disk.head)
  const fault = continuityFault(read, end === undefined ? null : { ...end, root: end.stateRoot })
  if (fault !== null) throw storeCorrupt(NAME, 'the head', fault)
  return new MemoryBlockStore(options, disk, read)
}

class MemoryBlockStore implements BlockStore {
  readonly #retention: Retention
  readonly #faults: FaultPlan
  readonly #disk: MemoryDisk
  #next: 0 | 1
  #dead: NodeError | null = null

  constructor(options: MemoryBlockStoreOptions, disk: MemoryDisk, read: { mark: Mark; next: 0 | 1; damaged: boolean }) {
    this.#retention = options.retention ?? RETENTION
    this.#faults = options.faults ?? (() => null)
    this.#disk = disk
    this.#next = read.next
    disk.held = true
    const end = disk.blocks.get(disk.head)
    if (end !== undefined && (read.damaged || end.height > read.mark.height)) this.#mark(end)
  }

  head(): { height: number; hash: Uint8Array; stateRoot: Uint8Array } | null {
    const block = this.#disk.blocks.get(this.#disk.head)
    return block === undefined ? null : { height: block.height, hash: block.hash.slice(), stateRoot: block.stateRoot.slice() }
  }

  oldest(): number | null {
    return this.#disk.totals.oldest === 0 ? null : this.#disk.totals.oldest
  }

  append(block: StoredBlock): void {
    this.#alive()
    checkOrder(this.head(), block)
    const copy = copyOf(block)
    this.#pass('append')
    this.#pass('commit', () => this.#commit(copy))
    this.#pass('committed')
    this.#pass(
      'mark',
      () => this.#mark(copy),
      () => this.#disk.slots[this.#next].fill(0xff, 16, 48),
    )
    this.#pass('marked')
  }

  load(height: number): StoredBlock | null {
    this.#alive()
    const block = this.#disk.blocks.get(height)
    if (block !== undefined) return { ...copyOf(block), rows: [] }
    const { head, totals } = this.#disk
    if (height < 0 || height > head || (height > 0 && (totals.oldest === 0 || height < totals.oldest))) return null
    throw storeCorrupt(NAME, `block ${height}`, 'the row is missing')
  }

  row(table: RowTable, key: string): Uint8Array | null {
    this.#alive()
    return this.#disk.rows[table].get(key)?.value.slice() ?? null
  }

  rows(table: RowTable, range: { from: string; to: string; limit: number; descending: boolean }): { key: string; value: Uint8Array }[] {
    this.#alive()
    const keys = [...this.#disk.rows[table].keys()].filter((key) => key >= range.from && key <= range.to).sort()
    if (range.descending) keys.reverse()
    return keys.slice(0, Math.max(0, range.limit)).map((key) => ({ key, value: this.#disk.rows[table].get(key)!.value.slice() }))
  }

  saveSnapshot(height: number, stateRoot: Uint8Array, bytes: Uint8Array): void {
    const block = this.load(height)
    if (block === null || Buffer.compare(block.stateRoot, stateRoot) !== 0)
      throw new NodeError('STORE_ORDER', { height, detail: 'no block with this state root is stored there' })
    this.#pass('snapshot', () => {
      const { snapshots } = this.#disk
      snapshots.set(height, { stateRoot: stateRoot.slice(), bytes: bytes.slice() })
      const heights = [...snapshots.keys()].sort((a, b) => b - a)
      for (const old of heights.slice(SNAPSHOTS_KEPT)) snapshots.delete(old)
    })
    this.#pass('snapshot kept')
  }

  newestSnapshot(): { height: number; stateRoot: Uint8Array; bytes: Uint8Array } | null {
    this.#alive()
    const height = Math.max(...this.#disk.snapshots.keys())
    const snapshot = this.#disk.snapshots.get(height)
    return snapshot === undefined ? null : { height, stateRoot: snapshot.stateRoot.slice(), bytes: snapshot.bytes.slice() }
  }

  close(): void {
    if (this.#dead?.code === 'STORE_CLOSED') return
    this.#dead = new NodeError('STORE_CLOSED', { file: NAME })
    this.#disk.held = false
  }

  #alive(): void {
    if (this.#dead !== null) throw this.#dead
  }

  /** One point of the plan around one write. */
  #pass(point: FaultPoint, write?: () => void, tear?: () => void): void {
    const fault = this.#faults(point)
    // Only a transaction can be refused for want of space; after it there is no way back.
    if (fault === 'full' && SPACE_NEEDED.includes(point)) throw new NodeError('STORE_FULL', { folder: NAME })
    if (fault === null || fault === 'kept') write?.()
    if (fault === 'torn') tear?.()
    if (fault !== null) throw this.#die(point, fault)
  }

  /** The process is gone, or must stop: nothing may be asked of this store again. */
  #die(point: FaultPoint, fault: Fault): NodeError {
    this.#dead = new NodeError('STORE_FAILED', { file: NAME, detail: `planned fault "${fault}" at "${point}"` })
    this.#disk.held = false
    return this.#dead
  }

  #mark(block: StoredBlock): void {
    this.#disk.slots[this.#next] = encodeSlot({ height: block.height, hash: block.hash, root: block.stateRoot })
    this.#next = this.#next === 0 ? 1 : 0
  }

  #commit(block: StoredBlock): void {
    const disk = this.#disk
    disk.blocks.set(block.height, block)
    for (const { table, key, value } of block.rows) disk.rows[table].set(key, { height: block.height, value })
    disk.head = block.height
    if (disk.totals.oldest === 0) disk.totals = { ...disk.totals, oldest: block.height }
    const oldestSnapshot = disk.snapshots.size === 0 ? null : Math.min(...disk.snapshots.keys())
    for (let i = 0; i < PRUNED_PER_APPEND; i++) {
      const { oldest } = disk.totals
      if (!mayPrune({ oldest, head: block.height, oldestSnapshot, usedBytes: 0 }, this.#retention)) return
      disk.blocks.delete(oldest)
      for (const table of ROW_TABLES) for (const [key, row] of disk.rows[table]) if (row.height === oldest) disk.rows[table].delete(key)
      disk.totals = { ...disk.totals, oldest: oldest + 1 }
    }
  }
}

const copyOf = (block: StoredBlock): StoredBlock => ({
  height: block.height,
  hash: block.hash.slice(),
  parent: block.parent.slice(),
  stateRoot: block.stateRoot.slice(),
  block: block.block.slice(),
  results: block.results.slice(),
  rows: block.rows.map(({ table, key, value }) => ({ table, key, value: value.slice() })),
})
