/** Products that are bound to a challenge: honest work passes on another device, anything else is found. */
import { describe, expect, test } from 'vitest'
import { BYTES, DTYPES, nextFactor, seededFactor, valuesOf, type Dtype, type Factor, type Product } from '../../../src/lab/bench/dtype.ts'
import { entryError, freivalds } from '../../../src/lab/bench/freivalds.ts'
import { advance, checkProducts, distance, ROW_TOLERANCE } from '../../../src/lab/bench/product-check.ts'
import { factorsOf, measureProducts, OPENED, STRIDE, type ChainShape } from '../../../src/lab/bench/product-chain.ts'
import { loadAddon } from '../../../src/native/addon.ts'
import type { HeldFactor, TensorCompute } from '../../../src/protocol/ports/compute.ts'
import type { ProductProofView } from '../../../src/protocol/views/bench.ts'
import { benchContext, claimOf, computeWith, seedOf } from '../../support/bench.ts'

const { tensor } = loadAddon()
const N = 128
const shapeOf = (dtype: Dtype): ChainShape => ({ dtype, n: N, device: 'cpu' })

type Multiply = (a: Factor, b: Factor, shape: { m: number; k: number; n: number; dtype: Dtype }) => Promise<Product>
const honest = tensor.matmul as unknown as Multiply
/** Of a factor, also where the measurement holds it. */
const numbers = (factor: Factor | HeldFactor): Factor => (ArrayBuffer.isView(factor) ? factor : (factor.values() as Factor))
/** A tensor port whose products somebody else makes. */
function tensorBy(matmul: Multiply): TensorCompute {
  const given = async (a: Factor | HeldFactor, b: Factor | HeldFactor, shape: Parameters<Multiply>[2]): Promise<Product> =>
    await matmul(numbers(a), numbers(b), shape)
  return { ...tensor, matmul: given as unknown as TensorCompute['matmul'] }
}

/** Products as the definition says, in binary64. */
function byDefinition(a: Float64Array, b: Float64Array, m: number, n: number): Float64Array {
  const c = new Float64Array(m * n)
  for (let i = 0; i < m; i++)
    for (let k = 0; k < n; k++) {
      const factor = a[i * n + k] ?? 0
      for (let j = 0; j < n; j++) c[i * n + j] = (c[i * n + j] ?? 0) + factor * (b[k * n + j] ?? 0)
    }
  return c
}

async function proven(dtype: Dtype, matmul: Multiply = honest) {
  const context = benchContext({ compute: computeWith({ tensor: tensorBy(matmul) }) })
  const { metric, proof } = await measureProducts(context, shapeOf(dtype), true)
  if (proof?.kind !== 'products') throw new Error('there is no proof')
  return { claim: claimOf(metric), proof, seed: context.seed }
}
const check = async ({ claim, proof, seed }: Awaited<ReturnType<typeof proven>>): Promise<string | null> =>
  (await checkProducts(tensor, proof, claim, seed)).wrong

describe.each(DTYPES)('%s', (dtype) => {
  test('an honest chain passes', async () => {
    const found = await proven(dtype)
    expect(found.proof.rows).toHaveLength(OPENED)
    expect(found.claim.repetitions % STRIDE).toBe(0)
    expect(await check(found)).toBeNull()
  })

  test('rounding of another order of additions stays five times below the tolerance', async () => {
    const shape = shapeOf(dtype)
    const { x, b } = factorsOf(shape, seedOf('tolerance'))
    const exactly: Multiply = async (left, right, { m, n }) => {
      const c = byDefinition(Float64Array.from(valuesOf(dtype, left)), Float64Array.from(valuesOf(dtype, right)), m, n)
      return dtype === 'int8' ? Int32Array.from(c) : Float32Array.from(c)
    }
    const off = distance(dtype, await advance(tensor, shape, b, x), await advance(tensorBy(exactly), shape, b, x))
    expect(off).toBeLessThanOrEqual(ROW_TOLERANCE[dtype] / 5)
  })

  test('a chain of which a part was never computed is found', async () => {
    let calls = 0
    let last: Product | null = null
    // The check before the timing is served; later every other product is the one before.
    const lazy: Multiply = async (a, b, shape) => {
      if (calls++ < 3 || calls % 2 === 0 || last === null) last = await honest(a, b, shape)
      return last.slice()
    }
    expect(await check(await proven(dtype, lazy))).not.toBeNull()
  })

  test('a swapped row, product, figure or challenge is found', async () => {
    const found = await proven(dtype)
    const spoil = (text: string): string => {
      const bytes = Buffer.from(text, 'base64')
      bytes[5] = (bytes[5] ?? 0) ^ 0x40
      return bytes.toString('base64')
    }
    const [first, ...rest] = found.proof.rows
    if (first === undefined || found.proof.whole === null) throw new Error('nothing is opened')
    const changed: [string, Partial<ProductProofView>][] = [
      ['after', { rows: [{ ...first, after: spoil(first.after) }, ...rest] }],
      ['path', { rows: [{ ...first, afterPath: spoil(first.afterPath) }, ...rest] }],
      ['order', { rows: [...rest, first] }],
      ['fewer', { rows: rest }],
      ['root', { root: 'ab'.repeat(32) }],
      ['whole', { whole: spoil(found.proof.whole) }],
      ['longer', { checkpoints: found.proof.checkpoints + 1 }],
      ['device', { backend: 'cuda:0' }],
    ]
    for (const [what, over] of changed)
      expect([what, await check({ ...found, proof: { ...found.proof, ...over } })]).not.toEqual([what, null])
    for (const over of [
      { value: found.claim.value * 1.01 },
      { seconds: found.claim.seconds / 2 },
      { repetitions: found.claim.repetitions * 2 },
    ])
      expect(await check({ ...found, claim: { ...found.claim, ...over } })).not.toBeNull()
    expect(await check({ ...found, seed: seedOf('another challenge') })).not.toBeNull()
  })
})

/** The values that a coarser format keeps. */
function coarse(bits: number): (values: Float32Array) => Float32Array {
  return (values) =>
    values.map((value) => {
      const unit = 2 ** (Math.floor(Math.log2(Math.abs(value) || 1)) - bits)
      return Math.round(value / unit) * unit
    })
}

test('products of binary32 that were made with the eleven bits of tensor cores are found', async () => {
  const tf32 = coarse(10)
  const cheat: Multiply = async (a, b, shape) =>
    await honest(Float32Array.from(tf32(a as Float32Array)), Float32Array.from(tf32(b as Float32Array)), shape)
  let calls = 0
  const found = await proven('f32', async (a, b, shape) => await (calls++ === 0 ? honest : cheat)(a, b, shape))
  expect(await check(found)).toMatch(/row \d+ is off/)
})

test('bf16 products that were made with the four bits of eight-bit floats are found', async () => {
  const fp8 = coarse(3)
  let calls = 0
  const found = await proven('bf16', async (a, b, shape) => {
    if (calls++ === 0) return await honest(a, b, shape)
    const [left, right] = [a, b].map((one) => Float32Array.from(fp8(valuesOf('bf16', one) as Float32Array)))
    return await honest(left as Factor, right as Factor, { ...shape, dtype: 'f32' })
  })
  expect(await check(found)).toMatch(/row \d+ is off/)
})

test('Freivalds finds a single wrong entry and passes what is right', async () => {
  const draw = (label: string): Float32Array => seededFactor('f32', seedOf(label), 'x', N * N, 1) as Float32Array
  const [a, b] = [draw('a'), draw('b')]
  const c = await tensor.matmul(a, b, { m: N, k: N, n: N })
  const error = entryError(N) * Math.sqrt(N)
  expect(freivalds({ a, b, c, m: N, k: N, n: N }, error)).toBe(true)
  const wrong = c.slice()
  wrong[77] = (wrong[77] ?? 0) + 0.01
  expect(freivalds({ a, b, c: wrong, m: N, k: N, n: N }, error)).toBe(false)
  expect(freivalds({ a, b, c: c.fill(Number.NaN, 3, 4), m: N, k: N, n: N }, error)).toBe(false)
  expect(freivalds({ a, b, c: c.subarray(1), m: N, k: N, n: N }, error)).toBe(false)
})

test.each(DTYPES)('a chain of %s neither grows nor dies out', async (dtype) => {
  const shape = shapeOf(dtype)
  const factors = factorsOf(shape, seedOf('long'))
  let { x } = factors
  for (let i = 0; i < 50; i++) x = nextFactor(dtype, await honest(x, factors.b, { m: N, k: N, n: N, dtype }), N)
  const values = Float64Array.from(valuesOf(dtype, x))
  const deviation = Math.sqrt(values.reduce((sum, one) => sum + one * one, 0) / values.length)
  const [least, most] = dtype === 'int8' ? [20, 110] : [0.5, 2]
  expect(deviation).toBeGreaterThan(least)
  expect(deviation).toBeLessThan(most)
  expect(x.byteLength).toBe(N * N * BYTES[dtype])
})

test('what the CPU does for a lost device is no figure of the device', async () => {
  const lost: TensorCompute['matmul'] = async (a, b, shape, options) => {
    options?.onFallback?.('its driver is gone')
    return await tensor.matmul(a, b, { ...shape, device: 'cpu' })
  }
  const context = benchContext({ compute: computeWith({ tensor: { ...tensor, matmul: lost } }) })
  await expect(measureProducts(context, { dtype: 'f32', n: N, device: 'cuda:0' }, false)).rejects.toMatchObject({
    code: 'LAB_BENCH_DEVICE',
    message: expect.stringContaining('its driver is gone'),
  })
})

describe('a device whose own clock says how long it worked', () => {
  const OWN_SECONDS = 1e-9
  const far: TensorCompute['matmul'] = async (a, b, shape, options) => {
    const c = await tensor.matmul(a, b, { ...shape, device: 'cpu' })
    options?.onDeviceSeconds?.(OWN_SECONDS)
    return c
  }
  const own = (2 * N ** 3) / OWN_SECONDS
  const measured = (prove: boolean) =>
    measureProducts(
      benchContext({ compute: computeWith({ tensor: { ...tensor, matmul: far } }), prove }),
      { dtype: 'f32', n: N, device: 'cuda:0' },
      false,
    )

  test('is measured by it, without the way there and back', async () => {
    const { metric } = await measured(false)
    expect(metric).toMatchObject({ value: own, threads: 0, backend: 'cuda:0', spread: 0 })
  })

  test('is not believed by a verifier: the figure is that of all the time, the other goes along as a claim', async () => {
    const { metric, proof } = await measured(true)
    if (proof?.kind !== 'products') throw new Error('there is no proof')
    expect(metric.value * metric.seconds).toBeCloseTo(metric.repetitions * 2 * N ** 3, -1)
    expect(metric.value).toBeLessThan(own)
    expect(metric.alone).toBe(own)
    expect((await checkProducts(tensor, proof, claimOf(metric), seedOf('challenge'))).wrong).toBeNull()
  })
})
