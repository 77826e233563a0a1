/** Durable data that is no ledger state: evidence, statistics, jobs, tokens, peer anchors. Bounded by construction. */
export interface RecordStore {
  /** A named table of at most `maxRows` rows (the oldest written goes first). */
  table(name: string, limits: { maxRows: number }): RecordTable
  /** A named append-only list; beyond `maxBytes` the oldest items are dropped (indices stay). */
  list(name: string, limits: { maxBytes: number }): RecordList
  close(): Promise<void>
}
export interface RecordTable {
  get(key: string): Promise<Uint8Array | null>
  /** Durable when it resolves. */
  put(key: string, value: Uint8Array): Promise<void>
  delete(key: string): Promise<void>
  /** Rows whose key starts with `prefix`, in key order, after key `after`. */
  entries(prefix: string, limit: number, after?: string): Promise<{ key: string; value: Uint8Array }[]>
}
export interface RecordList {
  /** Appends items in order, durable when it resolves; gives the index of the first. */
  append(items: readonly Uint8Array[]): Promise<number>
  /** Items `from`..`from+count-1` that are still kept. */
  range(from: number, count: number): Promise<{ index: number; value: Uint8Array }[]>
  /** Index of the oldest kept item and of the next to come. */
  bounds(): Promise<{ first: number; next: number }>
}
