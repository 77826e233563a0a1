/**
 * Whether C = A·B, in time n² (Freivalds): C·x against A·(B·x) for random x of ±1, in binary64. Whoever made C did not know
 * x, so a wrong entry survives a round with probability 1/2 at most.
 */
import { randomBytes } from 'node:crypto'

const ROUNDS = 12

type Numbers = Float32Array | Int8Array | Int32Array
export interface Claimed {
  a: Numbers
  b: Numbers
  c: Numbers
  m: number
  k: number
  n: number
}

/** matrix[rows, columns] · x */
function times(matrix: Numbers, x: Float64Array, rows: number, columns: number): Float64Array {
  const out = new Float64Array(rows)
  for (let i = 0; i < rows; i++) {
    let sum = 0
    for (let j = 0; j < columns; j++) sum += (matrix[i * columns + j] ?? Number.NaN) * (x[j] ?? 0)
    out[i] = sum
  }
  return out
}

/**
 * @param error of one entry of C that is allowed, as a standard deviation (0: integers, which must be exact)
 * @param random bytes, fresh unless a test sets them
 */
export function freivalds(
  { a, b, c, m, k, n }: Claimed,
  error: number,
  random = (length: number): Uint8Array => randomBytes(length),
): boolean {
  if (a.length !== m * k || b.length !== k * n || c.length !== m * n) return false
  // Errors of n entries add up like a random walk; eight deviations never happen by chance.
  const limit = 8 * Math.sqrt(n) * error
  for (let round = 0; round < ROUNDS; round++) {
    const x = Float64Array.from(random(n), (byte) => ((byte & 1) === 0 ? -1 : 1))
    const right = times(a, times(b, x, k, n), m, k)
    if (!times(c, x, m, n).every((value, i) => Math.abs(value - (right[i] ?? Number.NaN)) <= limit)) return false
  }
  return true
}

/** Standard deviation that rounding to binary32 leaves in an entry of variance 1 which sums k products, in any order of additions. */
export const entryError = (k: number): number => Math.sqrt(k) * 2 ** -24
