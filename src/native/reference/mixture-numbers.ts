/** Numbers of mixture.md 2.1: the tables, the logarithm and the distribution of a leaf, the same bits as in crates/mixture. */
import type { ErrorCode } from '../../protocol/errors.ts'
import { NodeError } from '../../protocol/errors.ts'
import { LEAF_BYTES, LEAVES_MAX } from '../../protocol/ports/compute.ts'

export function demand(holds: boolean, code: ErrorCode, detail: string): void {
  if (!holds) throw new NodeError(code, { detail })
}

/** Bits behind the point of the integers that the tables are made with. */
const BITS = 400n

/** The binary64 nearest to value / 2⁴⁰⁰; no table entry is so near to a tie that the error of `value` matters. */
function nearest(value: bigint): number {
  const shift = BigInt(value.toString(2).length - 53)
  const half = 1n << (shift - 1n)
  const mantissa = (value + half) >> shift
  return Number(mantissa) * 2 ** Number(shift - BITS)
}

/** e^(-i/step) for i < length, correctly rounded. */
function table(step: bigint, length: number): Float64Array {
  const one = 1n << BITS
  // e^(-1/step) by its series, to far more bits than any entry needs.
  let factor = one
  let term = one
  for (let k = 1n; k < 100n; k++) {
    term /= step * k
    factor += k % 2n === 0n ? term : -term
  }
  const values = new Float64Array(length)
  let power = one
  for (let i = 0; i < length; i++) {
    values[i] = nearest(power)
    power = (power * factor) >> BITS
  }
  return values
}

/** X[j] = e^(-j/16). */
export const X = table(16n, 512)
/** Y[k] = e^(-k/4096). */
export const Y = table(4_096n, 256)

/** e^(-c/4096) of a claim or of a posterior distance, c < 131,072. */
export const expClaim = (c: number): number => X[c >> 8]! * Y[c & 255]!

const view = new DataView(new ArrayBuffer(8))

/** log2 of a positive normal number. */
export function log2(x: number): number {
  view.setFloat64(0, x)
  const bits = view.getBigUint64(0)
  let e = Number((bits >> 52n) & 0x7ffn) - 1_023
  view.setBigUint64(0, (bits & 0xf_ffff_ffff_ffffn) | (1_023n << 52n))
  let m = view.getFloat64(0)
  if (m > Math.SQRT2) {
    m /= 2
    e += 1
  }
  const s = (m - 1) / (m + 1)
  const z = s * s
  let p = 1 / 21
  for (let k = 9; k >= 0; k--) p = p * z + 1 / (2 * k + 1)
  return e + s * p * 2.8853900817779268
}

export const ln = (x: number): number => log2(x) * Math.LN2

/** e^(-d) for d ≥ 0, to 10⁻¹¹ of itself; 0 from 32 on. */
export function expMinus(d: number): number {
  const scaled = d * 4_096
  if (scaled >= 131_072) return 0
  const steps = Math.trunc(scaled)
  const rest = d - steps / 4_096
  return expClaim(steps) * (1 - rest + rest * rest * 0.5)
}

const EPSILON = 2 ** -12

/** (1-ε)·share + ε/256 */
export const mixed = (share: number): number => (1 - EPSILON) * share + EPSILON / 256

/** Splits leaf bytes. @throws NodeError MIXTURE_ARGUMENT or MIXTURE_TOO_LARGE */
export function leavesOf(bytes: Uint8Array): Uint8Array[] {
  demand(bytes.length % LEAF_BYTES === 0, 'MIXTURE_ARGUMENT', 'leaves are 256 bytes each')
  const count = bytes.length / LEAF_BYTES
  demand(count <= LEAVES_MAX, 'MIXTURE_TOO_LARGE', `leaves: ${count}, ${LEAVES_MAX} are the most`)
  return Array.from({ length: count }, (_, i) => bytes.subarray(i * LEAF_BYTES, (i + 1) * LEAF_BYTES))
}

/** The decoded, mixed distribution of one leaf. */
export function distribution(leaf: Uint8Array): Float64Array {
  let sum = 0
  for (const code of leaf) sum += X[code]!
  return Float64Array.from(leaf, (code) => mixed(X[code]! / sum))
}

/** ⌊4096·(-ln p)+½⌋ of the decoded, mixed probability of `byte`. */
export const claimOf = (leaf: Uint8Array, byte: number): number => Math.trunc(4_096 * -ln(distribution(leaf)[byte]!) + 0.5)

/** min(255, ⌊16·(-ln p)+½⌋), given -ln p; a negative loss is none. */
export const codeOf = (loss: number): number => Math.max(0, Math.min(255, Math.trunc(16 * loss + 0.5)))
