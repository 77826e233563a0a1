/** Matrix products of the addon, fast and exact; a row of each is checked against binary64 before it is timed. */
import { expect, test } from 'vitest'
import { loadAddon } from '../src/native/addon.ts'
import { numbers } from '../test/support/games.ts'

const { tensor } = loadAddon()

test.for([256, 512, 1_024, 2_048])('n = %i', { timeout: 300_000 }, async (n, { bench }) => {
  const next = numbers(n)
  const filled = (): Float32Array => Float32Array.from({ length: n * n }, () => next(2_000) / 1_000 - 1)
  const [a, b] = [filled(), filled()]
  const shape = { m: n, k: n, n }
  const product = async (exact: boolean): Promise<Float32Array> => await tensor.matmul(a, b, { ...shape, exact })
  for (const c of [await product(false), await product(true)])
    for (let column = 0; column < n; column += 37) {
      let sum = 0
      for (let k = 0; k < n; k++) sum += (a[k] ?? 0) * (b[k * n + column] ?? 0)
      expect(Math.abs((c[column] ?? 0) - sum)).toBeLessThan(1e-6 * n)
    }
  const options = { time: 1_000, iterations: 3, warmupIterations: 1, warmupTime: 0 }
  await bench(`matmul.f32.${n}: ${(2 * n ** 3) / 1e9} GFLOP`, async () => {
    await product(false)
  }).run(options)
  await bench(`matmul.f32.${n} exact`, async () => {
    await product(true)
  }).run(options)
})
