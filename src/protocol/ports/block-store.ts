/** Where an engine keeps blocks: one append per block, atomic and durable (reliability.md 4.1). Synchronous: it lives beside the state. */
export interface StoredBlock {
  height: number
  hash: Uint8Array
  parent: Uint8Array
  stateRoot: Uint8Array
  /** Canonical bytes of header and transactions, with the orderer's proof. */
  block: Uint8Array
  /** Receipts and events, encoded by the engine. */
  results: Uint8Array
  /** Rows for history queries: small, keyed, never hashed. */
  rows: { table: 'receipt' | 'epoch' | 'neuron_epoch' | 'history'; key: string; value: Uint8Array }[]
}
export interface BlockStore {
  /** Highest durable block, null when empty. */
  head(): { height: number; hash: Uint8Array; stateRoot: Uint8Array } | null
  /**
   * One transaction, then the watermark. After it returns the block survives kill -9. The first
   * block of a store has height 0 (the genesis), each next one follows the head. @throws STORE_ORDER, STORE_FAILED (then the store is dead), STORE_FULL
   */
  append(block: StoredBlock): void
  /** The block without its rows; null above the head and where it was pruned. @throws STORE_CORRUPT when it should be there and is not whole */
  load(height: number): StoredBlock | null
  /** Lowest height above 0 whose block is kept (blocks from here to the head are there without a gap); null while there is none. Height 0 is never pruned. */
  oldest(): number | null
  /** A key written again by a later block holds the later value. @throws STORE_CORRUPT */
  row(table: StoredBlock['rows'][number]['table'], key: string): Uint8Array | null
  /** Newest first when `descending`; keys within [from, to]. */
  rows(
    table: StoredBlock['rows'][number]['table'],
    range: { from: string; to: string; limit: number; descending: boolean },
  ): { key: string; value: Uint8Array }[]
  /** Keeps the state after a stored block; the two newest snapshots stay. @throws STORE_ORDER when no such block is stored, STORE_FAILED, STORE_FULL */
  saveSnapshot(height: number, stateRoot: Uint8Array, bytes: Uint8Array): void
  newestSnapshot(): { height: number; stateRoot: Uint8Array; bytes: Uint8Array } | null
  close(): void
}
