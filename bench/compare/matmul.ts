/** Matrix products: the addon beside NumPy's OpenBLAS and PyTorch, on the same factors and numbers of threads. */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { loadAddon } from '../../src/native/addon.ts'
import type { Dtype, Factors, Products } from '../../src/protocol/ports/compute.ts'
import type { Contender, Contest } from './contest.ts'
import { openRival } from './rival.ts'
import type { Subject, SubjectParts } from './subject.ts'

const SIZES = [256, 512, 1_024, 2_048]
const DTYPES: Dtype[] = ['f32', 'f16', 'bf16', 'int8']
/** PyTorch rounds its product to the factors' own type: to 8 bits of bf16, 11 of f16. */
const ROUNDING: Record<Dtype, number> = { f32: 0, f16: 2 ** -11, bf16: 2 ** -8, int8: 0 }

/** Random factors: the numbers, and how each dtype stores them. */
const random: { [D in Dtype]: (length: number) => { stored: Factors[D]; numbers: Float64Array } } = {
  f32(length) {
    const stored = Float32Array.from({ length }, () => Math.random() * 2 - 1)
    return { stored, numbers: Float64Array.from(stored) }
  },
  bf16(length) {
    const bits = Uint32Array.from(new Uint32Array(random.f32(length).stored.buffer), (word) => word & 0xff_ff_00_00)
    return { stored: Uint16Array.from(bits, (word) => word >>> 16), numbers: Float64Array.from(new Float32Array(bits.buffer)) }
  },
  f16(length) {
    const stored = Uint16Array.from({ length }, () => (Math.random() * 0x3c_00) | (Math.random() < 0.5 ? 0x80_00 : 0))
    const numbers = Float64Array.from(stored, (bits) => {
      const [exponent, fraction] = [(bits >> 10) & 31, (bits & 1_023) / 1_024]
      return (bits >> 15 === 1 ? -1 : 1) * (exponent === 0 ? fraction * 2 ** -14 : (1 + fraction) * 2 ** (exponent - 15))
    })
    return { stored, numbers }
  },
  int8(length) {
    const stored = Int8Array.from({ length }, () => Math.floor(Math.random() * 256) - 128)
    return { stored, numbers: Float64Array.from(stored) }
  },
}

/** Fails where one of a few hundred elements is farther from binary64 than any right product can be. */
function checkProduct(c: ArrayLike<number>, a: Float64Array, b: Float64Array, n: number, dtype: Dtype, rounding: number): void {
  if (c.length !== n * n) throw new Error(`${c.length} elements instead of ${n * n}`)
  for (let at = 0; at < n * n; at += Math.max(1, Math.floor((n * n) / 401))) {
    const [i, j] = [Math.floor(at / n), at % n]
    let [sum, size] = [0, 0]
    for (let p = 0; p < n; p++) {
      const product = (a[i * n + p] ?? Number.NaN) * (b[p * n + j] ?? Number.NaN)
      sum += product
      size += Math.abs(product)
    }
    const bound = dtype === 'int8' ? 0 : (n + 2) * 2 ** -24 * size + rounding * Math.abs(sum)
    if (!(Math.abs((c[at] ?? Number.NaN) - sum) <= bound)) throw new Error(`element ${at} is ${c[at]}, not ${sum}`)
  }
}

/** All contests of one size and dtype. */
async function* matmul({ python, folder, threads, scratch, sizes, wanted }: SubjectParts): AsyncGenerator<Contest> {
  const { tensor } = loadAddon()
  const rival = openRival(python, join(folder, 'matmul.py'))
  const files = ['a', 'b', 'c'].map((name) => join(scratch, name))
  const [aFile = '', bFile = '', cFile = ''] = files
  for (const count of threads) {
    await rival.ask('threads', { count })
    for (const dtype of DTYPES)
      for (const n of sizes ?? SIZES) {
        const name = `matmul.${dtype}.${n}`
        if (!wanted(name)) continue
        const [a, b] = [random[dtype](n * n), random[dtype](n * n)]
        writeFileSync(aFile, a.stored)
        writeFileSync(bFile, b.stored)
        // As the rivals' factors lie in their own memory; `copied` are factors that JavaScript may change any time.
        const [left, right] = [tensor.hold(a.stored, dtype), tensor.hold(b.stored, dtype)]
        const shape = { m: n, k: n, n, dtype, threads: count }
        const ours = (name: string, product: () => Promise<Products[Dtype]>): Contender => ({
          name,
          check: async () => checkProduct(await product(), a.numbers, b.numbers, n, dtype, 0),
          async time(seconds) {
            const runs: number[] = []
            const end = performance.now() + seconds * 1_000
            while (runs.length < 2 || performance.now() < end) {
              const start = performance.now()
              const c = await product()
              runs.push((performance.now() - start) / 1_000)
              // Given back at once, as the others do when nothing holds their product any more.
              c.buffer.transfer(0)
            }
            return runs
          },
        })
        const rivals = await rival.ask<string[]>('load', { dtype, n, a: aFile, b: bFile })
        const theirs = rivals.map((who): Contender => ({
          name: who,
          async check() {
            await rival.ask('answer', { who, file: cFile })
            const bytes = readFileSync(cFile)
            const [start, length] = [bytes.byteOffset, bytes.length / 4]
            const c = dtype === 'int8' ? new Int32Array(bytes.buffer, start, length) : new Float32Array(bytes.buffer, start, length)
            checkProduct(c, a.numbers, b.numbers, n, dtype, ROUNDING[dtype])
          },
          time: async (seconds) => await rival.ask<number[]>('time', { who, seconds }),
        }))
        const own = [
          ours('taumesh copied', async () => await tensor.matmul(a.stored, b.stored, shape)),
          ...(dtype === 'f32' ? [ours('taumesh exact', async () => await tensor.matmul(left, right, { ...shape, exact: true }))] : []),
        ]
        const contenders = [ours('taumesh', async () => await tensor.matmul(left, right, shape)), ...theirs, ...own]
        yield { name, threads: count, work: 2 * n ** 3, unit: 'FLOP/s', contenders }
        for (const factor of [left, right]) factor.release()
      }
  }
  await rival.close()
}

export const matmulSubject: Subject = {
  contests: matmul,
  async versions({ python, folder }) {
    const rival = openRival(python, join(folder, 'matmul.py'))
    const versions = await rival.ask<Record<string, string>>('versions')
    await rival.close()
    return versions
  },
}
