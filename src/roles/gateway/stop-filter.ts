/** Holds back bytes that may turn out to be the beginning of a stop sequence: a caller never sees part of one. */

export class StopFilter<T> {
  /** The longest first: of two that end together it leaves out more. */
  readonly #stops: readonly Uint8Array[]
  readonly #held: { byte: number; item: T }[] = []

  constructor(stops: readonly Uint8Array[]) {
    this.#stops = stops.filter((stop) => stop.length > 0).sort((a, b) => b.length - a.length)
  }

  /** @returns items that are sure to be part of the answer, and whether a stop sequence is now complete (it is dropped) */
  push(byte: number, item: T): { released: T[]; stopped: boolean } {
    this.#held.push({ byte, item })
    const complete = this.#stops.find((stop) => this.#endsWith(stop, stop.length))
    if (complete !== undefined) {
      const released = this.#held.splice(0, this.#held.length - complete.length)
      this.#held.length = 0
      return { released: released.map(({ item }) => item), stopped: true }
    }
    const keep = Math.max(0, ...this.#stops.map((stop) => this.#begun(stop)))
    return { released: this.#held.splice(0, this.#held.length - keep).map(({ item }) => item), stopped: false }
  }

  /** What is still held when the answer ends for another reason. */
  flush(): T[] {
    return this.#held.splice(0).map(({ item }) => item)
  }

  /** Length of the longest proper beginning of `stop` that the held bytes end with. */
  #begun(stop: Uint8Array): number {
    for (let length = Math.min(stop.length - 1, this.#held.length); length > 0; length--) if (this.#endsWith(stop, length)) return length
    return 0
  }

  #endsWith(stop: Uint8Array, length: number): boolean {
    const from = this.#held.length - length
    if (from < 0) return false
    for (let i = 0; i < length; i++) if (this.#held[from + i]?.byte !== stop[i]) return false
    return true
  }
}
