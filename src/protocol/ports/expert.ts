/** The contract of mixture.md 1: any program that, given bytes, returns the 256 probabilities of the next byte, in leaf code. */
export type ModelClass = 'nano' | 'micro' | 'small' | 'base' | 'other'
export interface ExpertDescription {
  /** Model root, 32 bytes; zero where there are no weights. */
  root: Uint8Array
  class: ModelClass
  /** Kind for people: `order-5+match`, `transformer 64x3`, `gru 160`, ... */
  kind: string
  parameters: number
  sequenceLengthMax: number
  /** Bytes per second it answers at. */
  rate: number
}
export interface Expert {
  describe(): Promise<ExpertDescription>
  /** For each context c: leaves of positions from..c.length, (c.length-from+1)·256 bytes. */
  predict(contexts: readonly Uint8Array[], from: readonly number[], signal?: AbortSignal): Promise<Uint8Array[]>
  open(): ExpertStream
  /** One slice of training of at most ~50 ms on its own text; null when it does not train. `done` counts steps so far. */
  train(signal?: AbortSignal): Promise<{ steps: number; bytes: number; loss: number; done: number } | null>
  close(): Promise<void>
}
export interface ExpertStream {
  /** Rewinds to `position`, appends `bytes`, returns the leaves of the last `want` positions (want·256 bytes; the last is the next byte). */
  extend(position: number, bytes: Uint8Array, want: number): Promise<Uint8Array>
  close(): void
}
