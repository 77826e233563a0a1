/** Matrix products of the addon by dtype, fast and exact; a row of each is checked against binary64 before it is timed. `compare/run.ts` has rivals. */
import { expect, test } from 'vitest'
import { loadAddon } from '../src/native/addon.ts'
import type { Dtype, Factors } from '../src/protocol/ports/compute.ts'
import { numbers } from '../test/support/games.ts'

const { tensor } = loadAddon()

/** Whole numbers from -8 to 7 as each dtype stores them: exact in all of them, so that one check fits all. */
const stored: { [D in Dtype]: (whole: Int8Array) => Factors[D] } = {
  f32: (whole) => Float32Array.from(whole),
  bf16: (whole) => Uint16Array.from(new Uint32Array(Float32Array.from(whole).buffer), (word) => word >>> 16),
  // Exponent and fraction of f32 moved to their places in f16; zero stays zero.
  f16: (whole) =>
    Uint16Array.from(new Uint32Array(Float32Array.from(whole).buffer), (word) =>
      word === 0 ? 0 : ((word >>> 16) & 0x80_00) | ((((word & 0x7f_ff_ff_ff) >>> 13) - (112 << 10)) & 0x7f_ff),
    ),
  int8: (whole) => whole,
}

const cases = [256, 512, 1_024, 2_048].flatMap((n) => (Object.keys(stored) as Dtype[]).map((dtype) => ({ n, dtype })))

test.for(cases)('$dtype, n = $n', { timeout: 300_000 }, async ({ n, dtype }, { bench }) => {
  const next = numbers(n)
  const filled = (): Int8Array => Int8Array.from({ length: n * n }, () => next(16) - 8)
  const [a, b] = [filled(), filled()]
  const [left, right] = [tensor.hold(stored[dtype](a), dtype), tensor.hold(stored[dtype](b), dtype)]
  const product = async (exact: boolean): Promise<Float32Array | Int32Array> =>
    await tensor.matmul(left, right, { m: n, k: n, n, dtype, exact })
  const modes = dtype === 'int8' ? [false] : [false, true]
  for (const exact of modes) {
    const c = await product(exact)
    for (let column = 0; column < n; column += 37) {
      let sum = 0
      for (let k = 0; k < n; k++) sum += (a[k] ?? 0) * (b[k * n + column] ?? 0)
      expect(c[column]).toBe(sum)
    }
  }
  for (const exact of modes)
    await bench(`matmul.${dtype}.${n}${exact ? ' exact' : ''}: ${(2 * n ** 3) / 1e9} GFLOP`, async () => {
      await product(exact)
    }).run({ time: 500, iterations: 3, warmupIterations: 1, warmupTime: 0 })
})

/** The definition, row by row of b, so that memory is read in order; sums of these whole numbers are exact in binary32. */
function byDefinition(a: Float32Array, b: Float32Array, n: number): Float32Array {
  const c = new Float32Array(n * n)
  for (let i = 0; i < n; i++)
    for (let k = 0; k < n; k++) {
      const factor = a[i * n + k] ?? 0
      for (let j = 0; j < n; j++) c[i * n + j] = (c[i * n + j] ?? 0) + factor * (b[k * n + j] ?? 0)
    }
  return c
}

test('f32, n = 256, beside the definition', { timeout: 300_000 }, async ({ bench }) => {
  const n = 256
  const next = numbers(n)
  const [a, b] = [0, 1].map(() => Float32Array.from({ length: n * n }, () => next(16) - 8)) as [Float32Array, Float32Array]
  const product = async (exact: boolean): Promise<Float32Array> => await tensor.matmul(a, b, { m: n, k: n, n, exact })
  const c = byDefinition(a, b, n)
  for (const exact of [false, true]) expect(await product(exact)).toEqual(c)
  await bench.compare(
    bench('addon', async () => void (await product(false))),
    bench('addon, exact mode', async () => void (await product(true))),
    bench('TypeScript', () => void byDefinition(a, b, n)),
  )
})
