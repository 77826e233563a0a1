/** A verifier's side of `product-chain.ts`: opened rows are computed again on the CPU, a whole product is checked by Freivalds. */
import { fromHex } from '../../protocol/bytes.ts'
import type { TensorCompute } from '../../protocol/ports/compute.ts'
import type { BenchMetricView, ProductProofView } from '../../protocol/views/bench.ts'
import { BYTES, bytesOf, factorOf, nextFactor, valuesOf, type Dtype, type Factor } from './dtype.ts'
import { places } from './places.ts'
import { factorsOf, isProduct, multiply, OPENED, STRIDE, type ChainShape } from './product-chain.ts'
import { opens } from './row-tree.ts'

/**
 * How far a row may be from the same row computed here, relative, after a stride: ten times what two orders of addition
 * differ by (measured), and a fifth of what the next coarser format leaves.
 */
export const ROW_TOLERANCE: Record<Dtype, number> = { f32: 1e-3, f16: 2e-2, bf16: 8e-2, int8: 0 }

const decode = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text, 'base64'))

/** |a - b| / |b| */
export function distance(dtype: Dtype, a: Factor, b: Factor): number {
  const [left, right] = [valuesOf(dtype, a), valuesOf(dtype, b)]
  let [difference, norm] = [0, 0]
  for (let i = 0; i < right.length; i++) {
    difference += ((left[i] ?? Number.NaN) - (right[i] ?? 0)) ** 2
    norm += (right[i] ?? 0) ** 2
  }
  return left.length === right.length ? Math.sqrt(difference / norm) : Number.POSITIVE_INFINITY
}

/** A stride of the chain for some rows at once. */
export async function advance(tensor: TensorCompute, shape: ChainShape, b: Factor, rows: Factor): Promise<Factor> {
  let x = rows
  for (let i = 0; i < STRIDE; i++)
    x = nextFactor(shape.dtype, await multiply(tensor, shape, { x, b }, { rows: rows.length / shape.n }), shape.n)
  return x
}

/** Where each opened row stands, with its bytes; or what is wrong with the openings. */
function openedRows(
  proof: ProductProofView,
  claim: BenchMetricView,
  seed: Uint8Array,
  start: Factor,
): { before: Uint8Array[]; after: Uint8Array[] } | string {
  const { n, dtype, checkpoints } = proof
  const [root, bytes, count] = [fromHex(proof.root), n * BYTES[dtype], checkpoints * n]
  const wanted = places(seed, claim, root, OPENED, count)
  if (proof.rows.length !== OPENED) return `${proof.rows.length} rows are opened, not ${OPENED}`
  const out: { before: Uint8Array[]; after: Uint8Array[] } = { before: [], after: [] }
  for (const [i, place] of wanted.entries()) {
    const row = proof.rows[i]
    const first = place < n
    if (row === undefined || (row.before === null) !== first) return `row ${i} is not at its place`
    const after = decode(row.after)
    const before = row.before === null ? bytesOf(start).slice(place * bytes, (place + 1) * bytes) : decode(row.before)
    if (after.length !== bytes || before.length !== bytes) return `row ${i} has not ${bytes} bytes`
    if (!opens(root, count, place, after, decode(row.afterPath))) return `row ${i} is not what was committed to`
    if (!first && !opens(root, count, place - n, before, decode(row.beforePath))) return `row ${i} is not what was committed to`
    out.before.push(before)
    out.after.push(after)
  }
  return out
}

/** @returns what is wrong, or null, and what was checked */
export async function checkProducts(
  tensor: TensorCompute,
  proof: ProductProofView,
  claim: BenchMetricView,
  seed: Uint8Array,
): Promise<{ wrong: string | null; detail: string }> {
  const bad = (wrong: string): { wrong: string; detail: string } => ({ wrong, detail: '' })
  const { dtype, n, checkpoints } = proof
  if (proof.stride !== STRIDE || claim.repetitions !== STRIDE * checkpoints) return bad('the chain is not as long as the repetitions')
  // Inputs carry the device's name: two devices of one report cannot share their work.
  const named: ChainShape = { dtype, n, device: proof.backend }
  const { x, b } = factorsOf(named, seed)
  const rows = openedRows(proof, claim, seed, x)
  if (typeof rows === 'string') return bad(rows)
  const here: ChainShape = { ...named, device: 'cpu' }
  const again = await advance(tensor, here, b, factorOf(dtype, Buffer.concat(rows.before)))
  for (const [i, after] of rows.after.entries()) {
    const off = distance(dtype, factorOf(dtype, after), again.slice(i * n, (i + 1) * n))
    if (!(off <= ROW_TOLERANCE[dtype]))
      return bad(`row ${i} is off by ${off.toExponential(1)}, at most ${ROW_TOLERANCE[dtype]} is rounding`)
  }
  if (proof.whole === null) return { wrong: null, detail: `${OPENED} rows of ${checkpoints} states computed again` }
  const whole = decode(proof.whole)
  const c = dtype === 'int8' ? new Int32Array(whole.buffer) : new Float32Array(whole.buffer)
  if (!isProduct(named, { x, b }, c)) return bad('the product fails the check of Freivalds')
  return { wrong: null, detail: `${OPENED} rows of ${checkpoints} states computed again, one product by Freivalds` }
}
