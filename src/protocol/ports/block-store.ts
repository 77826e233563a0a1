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
  /** One transaction, then the watermark. After it returns the block survives kill -9. @throws STORE_FAILED (then the store is dead), STORE_FULL */
  append(block: StoredBlock): void
  load(height: number): StoredBlock | null
  row(table: StoredBlock['rows'][number]['table'], key: string): Uint8Array | null
  /** Newest first when `descending`; keys within [from, to]. */
  rows(
    table: StoredBlock['rows'][number]['table'],
    range: { from: string; to: string; limit: number; descending: boolean },
  ): { key: string; value: Uint8Array }[]
  saveSnapshot(height: number, stateRoot: Uint8Array, bytes: Uint8Array): void
  newestSnapshot(): { height: number; stateRoot: Uint8Array; bytes: Uint8Array } | null
  close(): void
}
