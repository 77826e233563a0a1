/** The number formats of a product: inputs from a seed, and the step from a product to the next factor of a chain. */
import { seededBytes, seededFloats } from './seeded.ts'

export const DTYPES = ['f32', 'f16', 'bf16', 'int8'] as const
export type Dtype = (typeof DTYPES)[number]
/** f32 as itself, f16 and bf16 as their bits. */
export type Factor = Float32Array<ArrayBuffer> | Uint16Array<ArrayBuffer> | Int8Array<ArrayBuffer>
export type Product = Float32Array<ArrayBuffer> | Int32Array<ArrayBuffer>

export const BYTES: Record<Dtype, number> = { f32: 4, f16: 2, bf16: 2, int8: 1 }

/** Folded numbers fill [-1, 1] about evenly: this gives them variance 1 again. */
const FOLD_SCALE = Math.sqrt(3)
/** Standard deviation of evenly spread int8. */
const INT8_DEVIATION = Math.sqrt((256 ** 2 - 1) / 12)

/** Rounds to nearest, ties to even, as the hardware does; the values are finite. */
function bf16(values: Float32Array): Uint16Array<ArrayBuffer> {
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length)
  const out = new Uint16Array(values.length)
  for (let i = 0; i < out.length; i++) {
    const one = bits[i] ?? 0
    out[i] = (one + 0x7fff + ((one >>> 16) & 1)) >>> 16
  }
  return out
}

function rounded(dtype: Exclude<Dtype, 'int8'>, values: Float32Array<ArrayBuffer>): Factor {
  if (dtype === 'f32') return values
  return dtype === 'bf16' ? bf16(values) : new Uint16Array(new Float16Array(values).buffer)
}

/** A factor of `length` numbers: variance 1 on the left, 1/k on the right, so that products have variance 1; int8 fills its range. */
export function seededFactor(dtype: Dtype, seed: Uint8Array, label: string, length: number, variance: number): Factor {
  if (dtype === 'int8') return new Int8Array(seededBytes(seed, label, length).buffer)
  return rounded(dtype, seededFloats(seed, label, length, Math.sqrt(3 * variance)))
}

/** The factor as numbers. */
export function valuesOf(dtype: Dtype, factor: Factor): Float32Array | Int8Array {
  if (factor instanceof Int8Array || factor instanceof Float32Array) return factor
  if (dtype === 'f16') return Float32Array.from(new Float16Array(factor.buffer, factor.byteOffset, factor.length))
  const bits = new Uint32Array(factor.length)
  for (let i = 0; i < bits.length; i++) bits[i] = (factor[i] ?? 0) << 16
  return new Float32Array(bits.buffer)
}

/** Added and taken away again, it rounds a number to a whole one: beside 2⁵² there is no room for a fraction. */
const ROUNDER = 1.5 * 2 ** 52

/** Without a branch: values are random, so half of all jumps would be guessed wrong, which takes longer than the product. */
function fold(values: Float32Array): void {
  for (let i = 0; i < values.length; i++) {
    const turns = 0.25 * (values[i] ?? 0) - 0.25
    const rest = turns - (turns + ROUNDER - ROUNDER)
    values[i] = (1 - Math.abs(4 * rest)) * FOLD_SCALE
  }
}

function wrap(product: Product, k: number): Int8Array<ArrayBuffer> {
  // A deviation of at least the range: what is wrapped fills it evenly.
  const shift = Math.max(0, Math.floor(Math.log2((Math.sqrt(k) * INT8_DEVIATION ** 2) / 128)))
  const out = new Int8Array(product.length)
  for (let i = 0; i < out.length; i++) out[i] = (product[i] ?? 0) >> shift
  return out
}

/**
 * The next left factor: products folded into [-1, 1] as by mirrors at both ends (floats), or wrapped (int8), so that a chain
 * of products cannot be shortened by powers of the right factor, and neither grows nor dies out. The product is used up.
 */
export function nextFactor(dtype: Dtype, product: Product, k: number): Factor {
  if (dtype === 'int8') return wrap(product, k)
  // Only int8 has products of whole numbers.
  const values = product as Float32Array<ArrayBuffer>
  fold(values)
  return rounded(dtype, values)
}

/** A factor from bytes as they lie in memory (little-endian), copied. */
export function factorOf(dtype: Dtype, bytes: Uint8Array): Factor {
  const own = Uint8Array.from(bytes).buffer
  if (dtype === 'f32') return new Float32Array(own)
  return dtype === 'int8' ? new Int8Array(own) : new Uint16Array(own)
}
export const bytesOf = (values: Factor | Product): Uint8Array => new Uint8Array(values.buffer, values.byteOffset, values.byteLength)
