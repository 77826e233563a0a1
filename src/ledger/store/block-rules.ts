/** What every block store holds to, whatever keeps the bytes: order of heights, the checksums of rows, and the bounds of what is kept. */
import { NodeError } from '../../protocol/errors.ts'
import type { StoredBlock } from '../../protocol/ports/block-store.ts'
import { numberBytes, rowChecksum } from './checksum.ts'

export type RowTable = StoredBlock['rows'][number]['table']
export const ROW_TABLES: readonly RowTable[] = ['receipt', 'epoch', 'neuron_epoch', 'history']

/** Snapshots that are kept: the newest, and the one before it in case its bytes turn out damaged. */
export const SNAPSHOTS_KEPT = 2
/** One row of a snapshot: a peer may ask for it as one answer (ledger.md, `chain.snapshot`). */
export const SNAPSHOT_CHUNK_BYTES = 2 ** 20
/** Blocks pruned with one append at most, so that no block waits long for it. */
export const PRUNED_PER_APPEND = 8
/** A block with its results must fit a row. */
const BLOCK_BYTES_MAX = 64 * 2 ** 20

/** Keys in ASCII sort alike in SQLite and in JavaScript. */
const KEY = /^[\x20-\x7e]{1,256}$/

export interface Retention {
  /** Blocks kept below the head, with their rows. Those after the oldest snapshot stay in any case. */
  blocksMax: number
  /** Size of the database from which older blocks go before their time. */
  bytesMax: number
}
/** About eleven days of one block a second. */
export const RETENTION: Retention = { blocksMax: 1_000_000, bytesMax: 16 * 2 ** 30 }

interface End {
  height: number
  hash: Uint8Array
}

/** @throws STORE_ORDER unless `block` is the genesis of an empty store or the next one above `head` */
export function checkOrder(head: End | null, block: StoredBlock): void {
  const refuse = (detail: string): NodeError => new NodeError('STORE_ORDER', { height: block.height, detail })
  if (block.hash.length !== 32 || block.parent.length !== 32 || block.stateRoot.length !== 32) throw refuse('a hash is not 32 bytes')
  if (block.block.length + block.results.length > BLOCK_BYTES_MAX) throw refuse('the block is too large')
  for (const { key } of block.rows) if (!KEY.test(key)) throw refuse('a row key is not 1 to 256 printable ASCII characters')
  if (head === null) {
    if (block.height !== 0) throw refuse('the store is empty')
    return
  }
  if (block.height !== head.height + 1) throw refuse(`the head is ${head.height}`)
  if (Buffer.compare(block.parent, head.hash) !== 0) throw refuse('the parent is not the head')
}

/** What a block's checksum covers beside the block: what the store holds after it, so that nothing can go missing unseen. */
export interface Totals {
  /** Lowest height above 0 that is kept; 0 while there is none. */
  oldest: number
  /** Rows for queries, and the sum of their checksums modulo 2³². */
  count: number
  sum: number
}
export const NO_TOTALS: Totals = { oldest: 0, count: 0, sum: 0 }
export const addTo = (totals: Totals, checksum: number): Totals => ({
  ...totals,
  count: totals.count + 1,
  sum: (totals.sum + checksum) % 2 ** 32,
})
export const takeFrom = (totals: Totals, checksum: number): Totals => ({
  ...totals,
  count: totals.count - 1,
  sum: (totals.sum + 2 ** 32 - checksum) % 2 ** 32,
})

export function blockChecksum(block: Omit<StoredBlock, 'rows'>, totals: Totals): number {
  const tail = numberBytes(totals.oldest, totals.count, totals.sum)
  return rowChecksum('block', block.height, block.hash, block.parent, block.stateRoot, tail, block.block, block.results)
}

/** Checksum of a row for queries; `height` is the block that wrote it. */
export function queryRowChecksum(table: RowTable, key: string, height: number, value: Uint8Array): number {
  return rowChecksum(table, key, numberBytes(height), value)
}

/** Whether the block at `oldest` may go: too many or too large, and older than every snapshot that a restart may use. */
export const mayPrune = (
  at: { oldest: number; head: number; oldestSnapshot: number | null; usedBytes: number },
  keep: Retention,
): boolean =>
  at.oldest < at.head &&
  at.oldestSnapshot !== null &&
  at.oldest <= at.oldestSnapshot &&
  (at.head - at.oldest >= keep.blocksMax || at.usedBytes > keep.bytesMax)
