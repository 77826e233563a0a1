/** What every filling of `TensorCompute` must do (native.md, Tensors). */
import { describe, expect, test } from 'vitest'
import type { TensorCompute } from '../../src/protocol/ports/compute.ts'

/** Numbers in [-1, 1) that look random and are the same everywhere. */
function filled(length: number, seed: number): Float32Array {
  let state = seed
  return Float32Array.from({ length }, () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return (state >>> 8) / 2 ** 23 - 1
  })
}

/** One element of the exact mode by its words: 16 running sums over k mod 16, then halves added to halves, all in f32. */
function exactElement(a: Float32Array, b: Float32Array, k: number, n: number, row: number, column: number): number {
  const sums = new Float32Array(16)
  for (let i = 0; i < k; i++) {
    const product = Math.fround((a[row * k + i] ?? 0) * (b[i * n + column] ?? 0))
    sums[i % 16] = (sums[i % 16] ?? 0) + product
  }
  for (let half = 8; half > 0; half /= 2) for (let i = 0; i < half; i++) sums[i] = (sums[i] ?? 0) + (sums[i + half] ?? 0)
  return sums[0] ?? 0
}

export function tensorComputeContract(name: string, compute: TensorCompute): void {
  describe(`TensorCompute: ${name}`, () => {
    test.each([
      { m: 1, k: 1, n: 1 },
      { m: 3, k: 70, n: 5 },
      { m: 300, k: 64, n: 48 },
    ])('multiplies $m x $k by $k x $n within 1e-5 of binary64, exactly as said in exact mode', async ({ m, k, n }) => {
      const [a, b] = [filled(m * k, 1), filled(k * n, 2)]
      const fast = await compute.matmul(a, b, { m, k, n })
      const exact = await compute.matmul(a, b, { m, k, n, exact: true })
      for (const [row, column] of [
        [0, 0],
        [m - 1, n - 1],
        [m >> 1, n >> 1],
      ] as const) {
        let sum = 0
        for (let i = 0; i < k; i++) sum += (a[row * k + i] ?? 0) * (b[i * n + column] ?? 0)
        expect(Math.abs((fast[row * n + column] ?? 0) - sum)).toBeLessThan(1e-5 * Math.max(1, k / 8))
        expect(exact[row * n + column]).toBe(exactElement(a, b, k, n, row, column))
      }
      expect(fast).toHaveLength(m * n)
      expect(await compute.matmul(a, b, { m, k, n })).toEqual(fast)
    })

    test('refuses shapes that do not fit, and sizes beyond its limits, with its code', async () => {
      const a = filled(6, 3)
      await expect(compute.matmul(a, a, { m: 2, k: 3, n: 3 })).rejects.toMatchObject({ code: 'TENSOR_SHAPE' })
      await expect(compute.matmul(a, a, { m: 2 ** 20, k: 2 ** 20, n: 1 })).rejects.toMatchObject({ code: 'TENSOR_SHAPE' })
      const none = new Float32Array(0)
      await expect(compute.matmul(none, none, { m: 2 ** 16, k: 0, n: 2 ** 16 })).rejects.toMatchObject({ code: 'TENSOR_SHAPE' })
    })

    test('an abort ends a product', async () => {
      const a = filled(256 * 256, 4)
      const shape = { m: 256, k: 256, n: 256 }
      await expect(compute.matmul(a, a, shape, { signal: AbortSignal.abort() })).rejects.toMatchObject({ code: 'NATIVE_CANCELLED' })
    })

    test('lists the CPU as usable, and a reason for each device that is not', async () => {
      const devices = await compute.devices()
      expect(devices.find(({ backend }) => backend === 'cpu')).toMatchObject({ usable: true, reason: null })
      for (const { usable, reason } of devices) expect(reason === null).toBe(usable)
    })
  })
}
