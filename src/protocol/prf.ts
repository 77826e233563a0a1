/**
 * PRF(seed, label, i) of mixture.md, Conventions: the first 8 bytes, as a little-endian u64, of BLAKE3 keyed by `seed`
 * over label ‖ u32 i; and unbiased draws from it. Everything a validator draws (spans, swaps, games, openings) comes
 * from here, so that a replay draws the same.
 */
import { concat, u32le, utf8 } from './bytes.ts'
import { keyedBlake3 } from './hash.ts'

const RANGE = 2n ** 64n

/** A label: ASCII text followed by any bytes, e.g. `label('common', queryId)`. */
export const label = (text: string, ...bytes: Uint8Array[]): Uint8Array => concat(utf8(text), ...bytes)

/** One value of the PRF. `seed` is 32 bytes. */
export function prf(seed: Uint8Array, name: Uint8Array, i: number): bigint {
  const hash = keyedBlake3(seed, concat(name, u32le(i)))
  return new DataView(hash.buffer, hash.byteOffset, 8).getBigUint64(0, true)
}

/** The values PRF(seed, label, 0), PRF(seed, label, 1), ... as draws; a rejected value is skipped. */
export class PrfStream {
  readonly #seed: Uint8Array
  readonly #label: Uint8Array
  #i = 0

  constructor(seed: Uint8Array, name: Uint8Array) {
    this.#seed = seed
    this.#label = name
  }

  next(): bigint {
    return prf(this.#seed, this.#label, this.#i++)
  }

  /** Uniform in 0..n-1, n in 1..2³². Values at or above ⌊2⁶⁴/n⌋·n are rejected, so every result is equally likely. */
  below(n: number): number {
    if (!Number.isInteger(n) || n < 1 || n > 2 ** 32) throw new RangeError(`a draw needs 1..2^32 outcomes, not ${n}`)
    const size = BigInt(n)
    const bound = RANGE - (RANGE % size)
    for (;;) {
      const value = this.next()
      if (value < bound) return Number(value % size)
    }
  }

  /** 0..n-1 in random order (Fisher–Yates from the top). */
  permutation(n: number): number[] {
    const order = Array.from({ length: n }, (_, i) => i)
    for (let i = n - 1; i > 0; i--) {
      const j = this.below(i + 1)
      const held = order[i] as number
      order[i] = order[j] as number
      order[j] = held
    }
    return order
  }
}
