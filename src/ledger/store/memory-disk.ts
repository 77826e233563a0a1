/**
 * The disk under a memory block store: what it holds survives the store, as a real disk survives the process. The store writes to
 * it in the same order as SQLite does (transaction, then watermark slot), and a fault may strike before, in and after each write.
 */
import type { StoredBlock } from '../../protocol/ports/block-store.ts'
import { NO_TOTALS, type RowTable, type Totals } from './block-rules.ts'
import { encodeSlot, NO_MARK } from './watermark.ts'

/** Where a fault may strike, in the order of one append; a snapshot passes the last two. */
export type FaultPoint = 'append' | 'commit' | 'committed' | 'mark' | 'marked' | 'snapshot' | 'snapshot kept'
/**
 * What strikes. `crash`: the process ends there, the write of this point has not happened. `torn`: it ends inside the write.
 * `kept`: the write happens but is reported as failed. `lost`: it is reported as failed and has not happened. `full`: no space, for a transaction; elsewhere as `lost`.
 */
export type Fault = 'crash' | 'torn' | 'kept' | 'lost' | 'full'
/** Asked once at each point an operation passes; null lets it pass. */
export type FaultPlan = (point: FaultPoint) => Fault | null

export interface KeptRow {
  height: number
  value: Uint8Array
}

export class MemoryDisk {
  readonly blocks = new Map<number, StoredBlock>()
  readonly rows: Record<RowTable, Map<string, KeptRow>> = {
    receipt: new Map(),
    epoch: new Map(),
    neuron_epoch: new Map(),
    history: new Map(),
  }
  /** Ascending heights, at most the number kept. */
  readonly snapshots = new Map<number, { stateRoot: Uint8Array; bytes: Uint8Array }>()
  readonly slots: [Uint8Array, Uint8Array] = [encodeSlot(NO_MARK), encodeSlot(NO_MARK)]
  totals: Totals = NO_TOTALS
  head = -1
  /** A store is open on this disk. */
  held = false

  /** Forgets the newest blocks without a trace, as SQLite does after a damaged frame of its log. The watermark stays. */
  loseTail(blocks: number): void {
    for (let i = 0; i < blocks && this.head >= 0; i++) {
      this.blocks.delete(this.head)
      for (const rows of Object.values(this.rows)) for (const [key, row] of rows) if (row.height === this.head) rows.delete(key)
      for (const height of this.snapshots.keys()) if (height >= this.head) this.snapshots.delete(height)
      this.head -= 1
    }
    if (this.head < this.totals.oldest) this.totals = { ...this.totals, oldest: Math.max(0, this.head) }
  }
}
