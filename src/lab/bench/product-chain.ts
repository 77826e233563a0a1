/**
 * Products that are timed and bound to a seed at once: X ← fold(X·B), from an X and B that follow from the seed. Each
 * product needs the last one. Every `STRIDE`-th X is committed to row by row; rows at places that the commitment chooses
 * are opened, and a verifier computes them again. A share f of the work left out is found with probability 1-(1-f)^OPENED.
 *
 * A verifier's figure is that of the whole chain: the next factor, the commitment and the way to a device are in it.
 */
import { totalmem } from 'node:os'
import type { HeldFactor, LongCall, TensorCompute } from '../../protocol/ports/compute.ts'
import { toHex } from '../../protocol/bytes.ts'
import type { ProductProofView } from '../../protocol/views/bench.ts'
import { BYTES, bytesOf, nextFactor, seededFactor, valuesOf, type Dtype, type Factor, type Product } from './dtype.ts'
import { entryError, freivalds } from './freivalds.ts'
import { demand, figure, onDevice, PROVEN_STRETCH, REPETITIONS_MAX, time, wholeFigure, type BenchContext, type Found } from './measure.ts'
import { places } from './places.ts'
import { RowTree, rowLeaf } from './row-tree.ts'

/** Rounding errors of a float chain grow by two thirds per product: eight keep them far from any real difference. */
export const STRIDE = 8
/** Rows that are opened: 20 % of the work left out pass with 1 in 7,500, each try costing the delay of `places`. */
export const OPENED = 40
/** Committed states are kept until they are opened: enough for 20 s of products, where the machine has it. */
const KEPT_BYTES_MAX = Math.min(2 ** 30, totalmem() / 8)

export interface ChainShape {
  dtype: Dtype
  n: number
  /** Device as `taumesh devices` names it. */
  device: string
  /** Of the CPU; absent = all cores. */
  threads?: number
}
export interface Factors {
  x: Factor
  b: Factor
}
export const factorsOf = ({ dtype, n, device }: ChainShape, seed: Uint8Array): Factors => {
  const draw = (side: string, variance: number): Factor =>
    seededFactor(dtype, seed, `matmul.${dtype}.${n} ${device} ${side}`, n * n, variance)
  return { x: draw('x', 1), b: draw('b', 1 / n) }
}

/** X·B on the device, X having `rows` rows. */
export const multiply = async (
  tensor: TensorCompute,
  { dtype, n, device, threads }: ChainShape,
  { x, b }: { x: Factor | HeldFactor; b: Factor | HeldFactor },
  { rows = n, options = {} }: { rows?: number; options?: LongCall } = {},
): Promise<Product> =>
  // The port's overloads tie each dtype to its arrays; here they come from one table that does the same.
  await (tensor.matmul as (a: Factor | HeldFactor, b: Factor | HeldFactor, shape: object, options: LongCall) => Promise<Product>)(
    x,
    b,
    { m: rows, k: n, n, dtype, device, threads },
    options,
  )

/** Whether `c` is the product of these factors. */
export const isProduct = ({ dtype, n }: ChainShape, { x, b }: Factors, c: Float32Array | Int32Array): boolean =>
  freivalds({ a: valuesOf(dtype, x), b: valuesOf(dtype, b), c, m: n, k: n, n }, dtype === 'int8' ? 0 : entryError(n))

/** The states of a chain that are committed to. */
class Kept {
  readonly states: Factor[] = []
  readonly #leaves: Uint8Array[] = []
  readonly #shape: ChainShape

  constructor(shape: ChainShape) {
    this.#shape = shape
  }
  get rowBytes(): number {
    return this.#shape.n * BYTES[this.#shape.dtype]
  }
  add(state: Factor): void {
    this.states.push(state)
    for (let row = 0; row < this.#shape.n; row++) this.#leaves.push(rowLeaf(this.row(this.states.length - 1, row)))
  }
  row(state: number, row: number): Uint8Array {
    const kept = this.states[state]
    return kept === undefined ? new Uint8Array() : bytesOf(kept).subarray(row * this.rowBytes, (row + 1) * this.rowBytes)
  }
  tree(): RowTree {
    return new RowTree(Buffer.concat(this.#leaves))
  }
}

const base64 = (bytes: Uint8Array): string => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64')

function proof(shape: ChainShape, kept: Kept, metric: Found['metric'], seed: Uint8Array, whole: Product | null): ProductProofView {
  const tree = kept.tree()
  const rows = places(seed, metric, tree.root, OPENED, kept.states.length * shape.n).map((place) => {
    const [after, row] = [Math.floor(place / shape.n), place % shape.n]
    return {
      before: after === 0 ? null : base64(kept.row(after - 1, row)),
      beforePath: after === 0 ? '' : base64(tree.path(place - shape.n)),
      after: base64(kept.row(after, row)),
      afterPath: base64(tree.path(place)),
    }
  })
  return {
    kind: 'products',
    metric: metric.metric,
    backend: metric.backend,
    dtype: shape.dtype,
    n: shape.n,
    stride: STRIDE,
    checkpoints: kept.states.length,
    root: toHex(tree.root),
    rows,
    whole: whole === null ? null : base64(bytesOf(whole)),
  }
}

/** Times one size on one device. `whole`: the first product goes into the proof as it is. @throws NodeError LAB_BENCH_WRONG */
export async function measureProducts(
  { compute: { tensor }, seconds, threads, seed, prove, signal }: BenchContext,
  shape: ChainShape,
  whole: boolean,
): Promise<Found> {
  const { dtype, n, device } = shape
  const name = `matmul.${dtype}.${n}`
  const factors = factorsOf(shape, seed)
  const { options, check } = onDevice(device, signal)
  let own: number | undefined
  const on = { options: { ...options, onDeviceSeconds: (spent: number) => (own = spent) } }
  const first = await multiply(tensor, shape, factors, on)
  check()
  demand(isProduct(shape, factors, first), `the product of ${name} on ${device}`)
  const kept = new Kept(shape)
  // A device's program copies what it is sent in any case.
  const hold = (factor: Factor): Factor | HeldFactor => (device === 'cpu' ? tensor.hold(factor, dtype) : factor)
  const [same, b] = [prove ? undefined : hold(factors.x), hold(factors.b)]
  let [x, c, done] = [factors.x, first, -1]
  let began: number | undefined
  const until = prove
    ? { stretch: PROVEN_STRETCH, most: STRIDE * Math.floor(KEPT_BYTES_MAX / (n * n * BYTES[dtype])) }
    : { most: REPETITIONS_MAX }
  const times = await time(
    { seconds, signal, ...until },
    async () => (c = await multiply(tensor, shape, { x: same ?? x, b }, on)),
    () => {
      check()
      began ??= performance.now()
      // The warm-up is the first call: the chain begins anew behind it.
      const chained = done++ >= 0 && prove
      if (chained) x = nextFactor(dtype, c, n)
      // Given back at once, so that the next product is written where this one lay; unless it is itself the next factor.
      if (c !== first && c.buffer !== x.buffer) c.buffer.transfer(0)
      if (!chained) return true
      if (done % STRIDE !== 0) return false
      kept.add(x)
      return true
    },
    // Of a device: without the way there and back, which a program that computes on it would not go.
    () => own,
  )
  for (const factor of [same, b]) if (factor !== undefined && !ArrayBuffer.isView(factor)) factor.release()
  const alone = figure(name, 'FLOP/s', times, 2 * n ** 3, { backend: device, threads: device === 'cpu' ? threads : 0 })
  if (!prove || began === undefined) return { metric: alone }
  const metric = wholeFigure(alone, (performance.now() - began) / 1_000, 2 * n ** 3)
  return { metric, proof: proof(shape, kept, metric, seed, whole ? first : null) }
}
