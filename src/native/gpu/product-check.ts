/**
 * Whether C = A·B may be believed, in O(n²): Freivalds' check. For a random x, C·x is compared with A·(B·x), row by row
 * in binary64. int8 is exact. For the others a row may be off by
 *
 *   8 √k u ‖A_i‖ ‖B‖_F  freely: rounding errors of a sum grow like √k (Higham and Mary, 2019) and x has random signs;
 *   2 k u ‖A_i‖ ‖B‖_F √n  at the very most: what rounding of k terms, all biased one way, can do to n elements.
 *
 * Rows in between are computed again, a few of them, and every element is held against its own bound 2 k u Σ|a||b|.
 * u is 2⁻²⁴ for f32, and 2⁻²² for f16 and bf16, whose sums tensor cores may cut off instead of rounding.
 */
import type { Dtype, MatmulShape } from '../../protocol/ports/compute.ts'
import { readRow, timesVector, vectorTimes, type Factor, type Stored } from './factor.ts'

/** Rows between the two bounds that are computed again. */
const ROWS_AGAIN = 4
/** Products below this may have been flushed to zero. */
const FLUSHED = 2 ** -125
/** Beyond this a sum may leave f32, and then nothing can be said about it. */
const F32_MAX = 3e38

export type ProductShape = Omit<MatmulShape<Dtype>, 'device' | 'exact' | 'threads'>
export type Verdict = 'right' | 'wrong' | 'unknown'

/** Matrix number `index` of each factor. */
function factorsOf(shape: ProductShape, a: Stored, b: Stored, index: number): { left: Factor; right: Factor } {
  const { m, k, n, dtype = 'f32', transposeA = false, transposeB = false } = shape
  return {
    left: { dtype, stored: a, at: index * m * k, rows: m, columns: k, transposed: transposeA },
    right: { dtype, stored: b, at: index * k * n, rows: k, columns: n, transposed: transposeB },
  }
}

/** Random numbers with random signs: from ±[½, 1), or integers small enough for exact sums. */
function randomVector(length: number, most: number | null): Float64Array {
  const bytes = new Uint32Array(length)
  for (let at = 0; at < length; at += 16_384) crypto.getRandomValues(bytes.subarray(at, at + 16_384))
  return Float64Array.from(bytes, (word) => {
    const [sign, rest] = [(word & 1) === 0 ? 1 : -1, word >>> 1]
    return sign * (most === null ? 0.5 + rest / 2 ** 32 : 1 + (rest % most))
  })
}

const norm = (values: Float64Array): number => Math.sqrt(values.reduce((sum, value) => sum + value * value, 0))

async function isRowRight(left: Factor, right: Factor, c: ArrayLike<number>, at: number, row: number, u: number): Promise<boolean> {
  const { product, bound } = await vectorTimes(readRow(left, row), right)
  return product.every((value, j) => {
    const most = 2 * left.columns * u * (bound[j] ?? 0) + left.columns * FLUSHED
    return Math.abs(value - (c[at + row * right.columns + j] ?? NaN)) <= most
  })
}

async function checkExact(left: Factor, right: Factor, c: Int32Array, at: number): Promise<Verdict> {
  const [k, n] = [left.columns, right.columns]
  // Sums beyond i32 wrap on some devices and saturate on others.
  if (k * 2 ** 14 >= 2 ** 31) return 'unknown'
  const x = randomVector(n, Math.max(1, Math.min(2 ** 15, Math.floor(2 ** 38 / (k * n)))))
  const wanted = await timesVector(left, (await timesVector(right, x)).product)
  const got = new Float64Array(n)
  for (let i = 0; i < left.rows; i++) {
    for (let j = 0; j < n; j++) got[j] = c[at + i * n + j] ?? NaN
    if (got.reduce((sum, value, j) => sum + value * (x[j] ?? 0), 0) !== wanted.product[i]) return 'wrong'
  }
  return 'right'
}

async function checkRounded(left: Factor, right: Factor, c: Float32Array, at: number): Promise<Verdict> {
  const [k, n] = [left.columns, right.columns]
  const u = left.dtype === 'f32' ? 2 ** -24 : 2 ** -22
  const x = randomVector(n, null)
  const inner = await timesVector(right, x)
  const wanted = await timesVector(left, inner.product)
  const frobenius = norm(inner.norms)
  const product: Factor = { dtype: 'f32', stored: c, at, rows: left.rows, columns: n, transposed: false }
  const got = await timesVector(product, x)
  const between: number[] = []
  for (let i = 0; i < left.rows; i++) {
    const size = (wanted.norms[i] ?? NaN) * frobenius
    if (!(size < F32_MAX)) return 'unknown'
    const off = Math.abs((got.product[i] ?? NaN) - (wanted.product[i] ?? NaN))
    const flushed = k * n * FLUSHED
    if (off <= 8 * Math.sqrt(k) * u * size + flushed) continue
    if (!(off <= 2 * k * u * size * Math.sqrt(n) + flushed)) return 'wrong'
    between.push(i)
  }
  for (const row of between.slice(0, ROWS_AGAIN)) if (!(await isRowRight(left, right, c, at, row, u))) return 'wrong'
  return 'right'
}

/**
 * Judges a product of the shape's `dtype`. `unknown`: inputs that are not finite, or so large that a sum may overflow;
 * the caller must not take such a product from a device.
 */
export async function checkProduct(shape: ProductShape, a: Stored, b: Stored, c: Float32Array | Int32Array): Promise<Verdict> {
  const { m, n, batch = 1 } = shape
  for (let index = 0; index < batch; index++) {
    const { left, right } = factorsOf(shape, a, b, index)
    const at = index * m * n
    const verdict = c instanceof Int32Array ? await checkExact(left, right, c, at) : await checkRounded(left, right, c, at)
    if (verdict !== 'right') return verdict
  }
  return 'right'
}
