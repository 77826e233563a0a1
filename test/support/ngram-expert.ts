/** A tiny expert in TypeScript that keeps the Expert contract: counts of up to two preceding bytes, for tests of roles. */
import { blake3 } from '../../src/protocol/hash.ts'
import type { Expert, ExpertDescription, ExpertStream } from '../../src/protocol/ports/expert.ts'

const LEAF = 256

export interface NgramOptions {
  text: Uint8Array
  /** Training slices before it is done; each "learns" nothing but counts a step. */
  slices?: number
  sequenceLengthMax?: number
}

/** Orders 0 to 2 interpolated; `delayMs`-free and deterministic. */
export class NgramExpert implements Expert {
  readonly #counts = new Map<number, Float64Array>()
  readonly #options: NgramOptions
  #done = 0
  closed = false

  constructor(options: NgramOptions) {
    this.#options = options
    for (let t = 0; t < options.text.length; t++)
      for (const key of keysBefore(options.text, t)) {
        const row = this.#counts.get(key) ?? new Float64Array(LEAF)
        row[options.text[t] ?? 0] = (row[options.text[t] ?? 0] ?? 0) + 1
        this.#counts.set(key, row)
      }
  }

  async describe(): Promise<ExpertDescription> {
    const sequenceLengthMax = this.#options.sequenceLengthMax ?? 256
    return {
      root: blake3(this.#options.text),
      class: 'other',
      kind: 'order-2',
      parameters: this.#counts.size,
      sequenceLengthMax,
      rate: 1_000_000,
    }
  }

  async predict(contexts: readonly Uint8Array[], from: readonly number[]): Promise<Uint8Array[]> {
    return contexts.map((context, i) => {
      const first = from[i] ?? 0
      const out = new Uint8Array((context.length - first + 1) * LEAF)
      for (let t = first; t <= context.length; t++) out.set(this.leaf(context, t), (t - first) * LEAF)
      return out
    })
  }

  open(): ExpertStream {
    let bytes = new Uint8Array(0)
    return {
      extend: async (position, append, want) => {
        bytes = Uint8Array.from([...bytes.subarray(0, position), ...append])
        const [leaves = new Uint8Array(0)] = await this.predict([bytes], [bytes.length + 1 - want])
        return leaves
      },
      close: () => undefined,
    }
  }

  async train(): Promise<{ steps: number; bytes: number; loss: number; done: number } | null> {
    if (this.#done >= (this.#options.slices ?? 0)) return null
    this.#done += 1
    return { steps: 1, bytes: 100, loss: 3, done: this.#done }
  }

  async close(): Promise<void> {
    this.closed = true
  }

  /** The leaf of position t given the bytes before it. */
  leaf(text: Uint8Array, t: number): Uint8Array {
    const p = new Float64Array(LEAF).fill(1 / LEAF)
    for (const key of keysBefore(text, t)) {
      const row = this.#counts.get(key)
      if (row === undefined) continue
      const total = row.reduce((sum, n) => sum + n, 0)
      for (let y = 0; y < LEAF; y++) p[y] = ((row[y] ?? 0) + 2 * (p[y] ?? 0)) / (total + 2)
    }
    return Uint8Array.from(p, (value) => Math.min(255, Math.floor(-16 * Math.log(value) + 0.5)))
  }
}

/** Keys of the 0, 1 and 2 bytes before t; fewer at the start. */
function keysBefore(text: Uint8Array, t: number): number[] {
  const keys = [-1]
  if (t >= 1) keys.push(text[t - 1] ?? 0)
  if (t >= 2) keys.push(65_536 + 256 * (text[t - 2] ?? 0) + (text[t - 1] ?? 0))
  return keys
}
