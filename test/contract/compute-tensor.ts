/** What every filling of `TensorCompute` must do (native.md, Tensors). */
import { describe, expect, test } from 'vitest'
import type { Dtype, Factors, MatmulShape, TensorCompute } from '../../src/protocol/ports/compute.ts'

/** Whole numbers from 0 to 2²⁴-1 that look random and are the same everywhere. */
function numbers(seed: number): () => number {
  let state = seed
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state >>> 8
  }
}

/** Numbers in [-1, 1). */
function filled(length: number, seed: number): Float32Array {
  const next = numbers(seed)
  return Float32Array.from({ length }, () => next() / 2 ** 23 - 1)
}

/** A factor of each dtype: numbers in [-1, 1), and all of the range of int8. */
const factor: { [D in Dtype]: (length: number, seed: number) => Factors[D] } = {
  f32: filled,
  // A random sign and fraction under exponents below that of one: subnormal numbers among them.
  f16(length, seed) {
    const next = numbers(seed)
    return Uint16Array.from({ length }, () => (next() & 0x83_ff) | ((next() % 15) << 10))
  },
  bf16: (length, seed) => new Uint16Array(filled(length, seed).buffer).filter((_, index) => index % 2 === 1),
  int8(length, seed) {
    const next = numbers(seed)
    return Int8Array.from({ length }, () => next() >> 7)
  },
}

/** The number an element stands for. */
const wide: Record<Dtype, (stored: number) => number> = {
  f32: (stored) => stored,
  int8: (stored) => stored,
  bf16: (bits) => new DataView(Uint32Array.of(bits * 2 ** 16).buffer).getFloat32(0, true),
  f16(bits) {
    const exponent = (bits >> 10) & 31
    const fraction = (bits & 1_023) / 1_024
    return (bits >> 15 === 1 ? -1 : 1) * (exponent === 0 ? fraction * 2 ** -14 : (1 + fraction) * 2 ** (exponent - 15))
  },
}

/** Where elements lie: index of A(b, i, p) and of B(b, p, j). */
function places({ m, k, n, transposeA = false, transposeB = false }: MatmulShape<Dtype>) {
  return {
    a: (index: number, i: number, p: number) => index * m * k + (transposeA ? p * m + i : i * k + p),
    b: (index: number, p: number, j: number) => index * k * n + (transposeB ? j * k + p : p * n + j),
  }
}

/** The sum of products as binary64 has it, and the exact mode by its words: 16 running sums over k mod 16, then halves added to halves, all in f32. */
function sums(k: number, x: (p: number) => number, y: (p: number) => number): { sum: number; exactly: number } {
  let sum = 0
  const running = Array.from({ length: 16 }, () => 0)
  for (let p = 0; p < k; p++) {
    const product = x(p) * y(p)
    sum += product
    running[p % 16] = Math.fround((running[p % 16] ?? 0) + Math.fround(product))
  }
  for (let half = 8; half > 0; half /= 2)
    for (let i = 0; i < half; i++) running[i] = Math.fround((running[i] ?? 0) + (running[i + half] ?? 0))
  return { sum, exactly: running[0] ?? 0 }
}

/** Compares every element of both modes with its definition. */
async function checkProduct(compute: TensorCompute, dtype: Dtype, shape: MatmulShape<Dtype>): Promise<void> {
  const { m, k, n, batch = 1 } = shape
  const [a, b] = [factor[dtype](batch * m * k, 1), factor[dtype](batch * k * n, 2)]
  const before = [a.slice(), b.slice()]
  const work = compute.matmul(a, b, { ...shape, dtype })
  // What the caller does to the memory after the call changes nothing.
  a.fill(0)
  const fast = await work
  a.set(before[0] as never)
  const exact = await compute.matmul(a, b, { ...shape, dtype, exact: true })
  expect([a, b]).toEqual(before)
  expect([fast.length, exact.length]).toEqual([batch * m * n, batch * m * n])
  const at = places(shape)
  const [left, right] = [Float64Array.from(a, wide[dtype]), Float64Array.from(b, wide[dtype])]
  // Twice the rounding of one f32 operation for each of them: about six standard deviations for such factors.
  const tolerance = dtype === 'int8' ? 0 : (k + 1) * 2 ** -23
  for (let c = 0; c < fast.length; c++) {
    const [index, i, j] = [Math.floor(c / (m * n)), Math.floor(c / n) % m, c % n]
    const { sum, exactly } = sums(
      k,
      (p) => left[at.a(index, i, p)] ?? NaN,
      (p) => right[at.b(index, p, j)] ?? NaN,
    )
    if (!(Math.abs((fast[c] ?? NaN) - sum) <= tolerance)) expect.fail(`element ${c}: ${fast[c]} instead of ${sum}`)
    const expected = dtype === 'int8' ? sum : exactly
    if (!Object.is((exact[c] ?? NaN) + 0, expected + 0)) expect.fail(`exact element ${c}: ${exact[c]} instead of ${expected}`)
  }
}

export function tensorComputeContract(name: string, compute: TensorCompute): void {
  const dtypes = Object.keys(wide) as Dtype[]

  describe(`TensorCompute: ${name}`, () => {
    test.each(dtypes)('%s products of every layout and batch keep its tolerance, in exact mode every bit', async (dtype) => {
      expect.assertions(2 * 4 * 4)
      for (const size of [
        { m: 1, k: 1, n: 1 },
        { m: 3, k: 70, n: 5 },
        { m: 40, k: 33, n: 37, batch: 2 },
        { m: 2, k: 3, n: 1, batch: 40 },
      ])
        for (const transposeA of [false, true])
          for (const transposeB of [false, true]) await checkProduct(compute, dtype, { ...size, transposeA, transposeB })
    })

    test.each(dtypes)('%s products have the same bits on any number of threads', async (dtype) => {
      const shape = { m: 190, k: 500, n: 130, dtype }
      const [a, b] = [factor[dtype](190 * 500, 3), factor[dtype](500 * 130, 4)]
      for (const exact of [false, true]) {
        const one = await compute.matmul(a, b, { ...shape, exact, threads: 1 })
        for (const threads of [2, 5]) expect(await compute.matmul(a, b, { ...shape, exact, threads })).toEqual(one)
      }
    })

    test.each(dtypes)('%s products of a zero size are zero or empty', async (dtype) => {
      for (const [batch, m, k, n] of [
        [0, 2, 2, 2],
        [2, 0, 3, 4],
        [2, 3, 0, 4],
        [2, 3, 4, 0],
      ] as const) {
        const [a, b] = [factor[dtype](batch * m * k, 5), factor[dtype](batch * k * n, 6)]
        const c = await compute.matmul(a, b, { batch, m, k, n, dtype })
        expect(c).toEqual(new (dtype === 'int8' ? Int32Array : Float32Array)(batch * m * n))
      }
    })

    test('refuses shapes that do not fit, and sizes beyond its limits, with its code', async () => {
      const a = filled(6, 3)
      const none = new Float32Array(0)
      const shapes = [
        [a, { m: 2, k: 3, n: 3 }],
        [a, { m: 2, k: 3, n: 2, batch: 2 }],
        [a, { m: 2 ** 20, k: 2 ** 20, n: 1 }],
        [a, { m: 2 ** 32 + 2, k: 3, n: 2 }],
        [none, { m: 2 ** 16, k: 0, n: 2 ** 16 }],
        [none, { m: 0, k: 0, n: 0, batch: 2 ** 40 }],
        [none, { m: Number.MAX_SAFE_INTEGER, k: Number.MAX_SAFE_INTEGER, n: 1 }],
      ] as const
      for (const [factors, shape] of shapes)
        await expect(compute.matmul(factors, factors, shape), JSON.stringify(shape)).rejects.toMatchObject({ code: 'TENSOR_SHAPE' })
      const long = new Int8Array(131_072)
      await expect(compute.matmul(long, long, { m: 1, k: 131_072, n: 1, dtype: 'int8' })).rejects.toMatchObject({ code: 'TENSOR_SHAPE' })
    })

    test('refuses what is no shape and no factor of its dtype, and memory that is gone or shared', async () => {
      const a = filled(4, 3)
      const shape = { m: 2, k: 2, n: 2 }
      const wrong: unknown[][] = [
        [a, a, null],
        [a, a, { ...shape, m: 1.5 }],
        [a, a, { ...shape, n: -1 }],
        [a, a, { ...shape, batch: '1' }],
        [a, a, { ...shape, transposeA: 1 }],
        [a, a, { ...shape, dtype: 'f8' }],
        [a, a, { ...shape, dtype: 'toString' }],
        [a, a, { ...shape, threads: -1 }],
        [a, a, { ...shape, dtype: 'int8' }],
        [a, new Float64Array(4), shape],
        [[1, 2, 3, 4], a, shape],
        [a, new Float32Array(new SharedArrayBuffer(16)), shape],
      ]
      const matmul = compute.matmul.bind(compute) as (...args: unknown[]) => Promise<unknown>
      for (const args of wrong) await expect(matmul(...args), JSON.stringify(args)).rejects.toMatchObject({ code: 'NATIVE_ARGUMENT' })
      const gone = filled(4, 3)
      structuredClone(gone.buffer, { transfer: [gone.buffer as ArrayBuffer] })
      await expect(compute.matmul(gone, a, shape)).rejects.toMatchObject({ code: 'TENSOR_SHAPE' })
      await expect(compute.matmul(a, a, { ...shape, device: 'abacus:0' })).rejects.toMatchObject({ code: 'TENSOR_DEVICE' })
    })

    test.each(dtypes)('%s factors that are held give the same products, whatever becomes of what they were copied from', async (dtype) => {
      // One that is made at once, and one that other threads make.
      for (const size of [40, 700]) {
        const shape = { m: size, k: size, n: size, dtype }
        const [a, b] = [factor[dtype](size * size, 5), factor[dtype](size * size, 6)]
        const expected = await compute.matmul(a, b, shape)
        const [left, right] = [compute.hold(a, dtype), compute.hold(b, dtype)]
        expect(left).toMatchObject({ dtype, length: size * size })
        expect(left.values()).toEqual(a)
        a.fill(0)
        left.values().fill(0)
        expect(await compute.matmul(left, right, shape)).toEqual(expected)
        expect(await compute.matmul(left, b, shape)).toEqual(expected)
        const work = compute.matmul(left, right, shape)
        left.release()
        left.release()
        expect(await work).toEqual(expected)
        await expect(compute.matmul(left, right, shape)).rejects.toMatchObject({ code: 'NATIVE_ARGUMENT' })
        expect(() => left.values()).toThrow(expect.objectContaining({ code: 'NATIVE_ARGUMENT' }))
      }
    })

    test('what cannot be held is refused, and a held factor as another dtype', async () => {
      const shape = { m: 2, k: 2, n: 2 }
      const held = compute.hold(new Uint16Array(4), 'bf16')
      await expect(compute.matmul(held, held, { ...shape, dtype: 'f16' } as never)).rejects.toMatchObject({ code: 'TENSOR_SHAPE' })
      await expect(compute.matmul(held, held, { ...shape, n: 3, dtype: 'bf16' })).rejects.toMatchObject({ code: 'TENSOR_SHAPE' })
      const hold = compute.hold.bind(compute) as (...args: unknown[]) => unknown
      for (const args of [
        [filled(4, 3), 'f16'],
        [filled(4, 3), 'f8'],
        [filled(4, 3), 'toString'],
        [[1, 2], 'f32'],
        [null, 'f32'],
        [new Float32Array(new SharedArrayBuffer(16)), 'f32'],
      ])
        expect(() => hold(...args), JSON.stringify(args)).toThrow(expect.objectContaining({ code: 'NATIVE_ARGUMENT' }))
      expect(() => hold(new Int8Array(2 ** 26 + 1), 'int8')).toThrow(expect.objectContaining({ code: 'TENSOR_SHAPE' }))
    })

    test('an abort ends a product, before it begins or in the middle', async () => {
      const a = filled(256 * 256, 4)
      const shape = { m: 256, k: 256, n: 256 }
      await expect(compute.matmul(a, a, shape, { signal: AbortSignal.abort() })).rejects.toMatchObject({ code: 'NATIVE_CANCELLED' })
      const large = new Float32Array(2_048 * 2_048)
      const controller = new AbortController()
      const work = compute.matmul(large, large, { m: 2_048, k: 2_048, n: 2_048 }, { signal: controller.signal })
      controller.abort()
      await expect(work).rejects.toMatchObject({ code: 'NATIVE_CANCELLED' })
    })

    test('lists the CPU as usable, and a reason for each device that is not', async () => {
      const devices = await compute.devices()
      expect(devices.find(({ id }) => id === 'cpu')).toMatchObject({ backend: 'cpu', usable: true, reason: null })
      expect(new Set(devices.map(({ id }) => id)).size).toBe(devices.length)
      for (const { usable, reason } of devices) expect(reason === null).toBe(usable)
    })
  })
}
