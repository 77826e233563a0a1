/** Whatever a device does to a job, the job's answer is right: S14, with M39 (a result taken unchecked) planted. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { GpuProgram } from '../../../../src/native/gpu/options.ts'
import type { Compute, Dtype, LongCall, MatmulShape } from '../../../../src/protocol/ports/compute.ts'
import type { Stored } from '../../../../src/native/gpu/factor.ts'
import type { Deed, FakeScript } from '../../../support/fake-gpu.ts'
import { cpu, gpuScene, productJob, sealJob, type Outcome } from '../../../support/gpu-scene.ts'
import { fakeProgram, isGpuProgramBuilt, realProgram } from '../../../support/gpu-programs.ts'
import { rng, testSeed, type Rng } from '../../../support/random.ts'

const random = rng(testSeed())
const kinds = { seal: sealJob, product: productJob }

/** A script whose count of calls outlives the program. */
async function withCount<T>(script: FakeScript, run: (script: FakeScript) => Promise<T>): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), 'taumesh-gpu-'))
  try {
    return await run({ ...script, count: join(folder, 'calls') })
  } finally {
    rmSync(folder, { recursive: true })
  }
}

describe.each(Object.entries(kinds))('a %s job', (_kind, job) => {
  test('is done by the device, and the CPU agrees', async () => {
    await using scene = gpuScene(fakeProgram())
    for (let i = 0; i < 5; i++) expect(await job(scene.compute, random)).toEqual({ right: true, fallback: null })
  })

  const deeds: Deed[] = [
    'fail',
    'hang',
    'exit',
    'segv',
    'abort',
    'freeze',
    'garbage',
    'huge',
    'header',
    'text',
    'list',
    'partial',
    'cut',
    'stranger',
    'long',
    'field',
  ]
  test.each(deeds)('that ends in %s is done by the CPU once, and the next by the device again', async (deed) => {
    await withCount({ calls: [{ at: 0, do: deed }] }, async (script) => {
      await using scene = gpuScene(fakeProgram(script), { quietMs: 1_000 })
      await scene.gpu.find('fake:0')
      const { right, fallback } = await job(scene.compute, random)
      expect([right, fallback === null]).toEqual([true, false])
      await expect.poll(() => scene.gpu.starts, { timeout: 20_000, interval: 5 }).toBe(2)
      await expect.poll(() => job(scene.compute, random), { timeout: 20_000 }).toEqual({ right: true, fallback: null })
    })
  })

  test('answered twice is taken once: the second answer ends the program', async () => {
    await withCount({ calls: [{ at: 0, do: 'twice' }] }, async (script) => {
      await using scene = gpuScene(fakeProgram(script))
      await scene.gpu.find('fake:0')
      expect((await job(scene.compute, random)).right).toBe(true)
      await expect.poll(() => scene.gpu.starts, { timeout: 20_000 }).toBe(2)
    })
  })

  test('that does not fit into the device goes to the CPU, and the program lives', async () => {
    await using scene = gpuScene(fakeProgram({ calls: [{ at: 0, do: 'memory' }] }))
    expect(await job(scene.compute, random)).toEqual({ right: true, fallback: expect.stringMatching(/2 GiB of 1 GiB free/) as string })
    expect(await job(scene.compute, random)).toEqual({ right: true, fallback: null })
    expect(scene.gpu.starts).toBe(1)
  })

  test('with a wrong answer goes to the CPU, and the device is faulty from then on, with the reason', async () => {
    await using scene = gpuScene(fakeProgram({ calls: [{ at: 1, do: 'wrong' }] }))
    // The first call of a search is a probe, its second the search; of products each is a call.
    const first = await job(scene.compute, random)
    const outcome = first.fallback === null ? await job(scene.compute, random) : first
    expect(outcome).toEqual({ right: true, fallback: expect.stringMatching(/fake:0 computes wrongly/) as string })
    expect(await job(scene.compute, random)).toEqual({ right: true, fallback: expect.stringMatching(/faulty/) as string })
    const devices = await scene.compute.tensor.devices()
    expect(devices.find(({ id }) => id === 'fake:0')).toMatchObject({ usable: false, reason: expect.stringMatching(/^faulty: /) as string })
  })
})

test('a product with a NaN goes to the CPU, and the device is faulty', async () => {
  await using scene = gpuScene(fakeProgram({ calls: [{ at: 0, do: 'nan' }] }))
  expect(await productJob(scene.compute, random)).toMatchObject({
    right: true,
    fallback: expect.stringMatching(/computes wrongly/) as string,
  })
})

test('a device that never finds anything is found out by the probe', async () => {
  await using scene = gpuScene(fakeProgram({ calls: [{ from: 0, do: 'blind' }] }))
  expect(await sealJob(scene.compute, random)).toMatchObject({ right: true, fallback: expect.stringMatching(/finds no nonce/) as string })
})

test('numbers that are not finite are never a device’s fault: the CPU multiplies them', async () => {
  await using scene = gpuScene(fakeProgram())
  const [a, b] = [Float32Array.of(1, Infinity), Float32Array.of(1, 1)]
  expect(await scene.compute.tensor.matmul(a, b, { m: 1, k: 2, n: 1, device: 'fake:0' })).toEqual(Float32Array.of(Infinity))
  expect(await productJob(scene.compute, random)).toEqual({ right: true, fallback: null })
})

/** `matmul` for a dtype that is known at run time alone. */
const multiply = ({ tensor }: Compute) =>
  tensor.matmul as (a: Stored, b: Stored, shape: MatmulShape<Dtype>, options?: LongCall) => Promise<unknown>

test('every dtype, transposed and in batches, is the CPU’s product', async () => {
  await using scene = gpuScene(fakeProgram())
  for (const dtype of ['f32', 'f16', 'bf16', 'int8'] as const)
    for (const [transposeA, transposeB] of [
      [false, false],
      [true, false],
      [false, true],
      [true, true],
    ] as const) {
      const shape = { m: 5, k: 7, n: 3, batch: 2, dtype, transposeA, transposeB }
      // Small whole numbers: 1.0 and 2.0 have these bits.
      const bits = { f32: [1, 2], f16: [0x3c00, 0x4000], bf16: [0x3f80, 0x4000], int8: [1, 2] }[dtype]
      const numbers = (count: number): Stored => {
        const all = Array.from({ length: count }, () => bits[random.int(2)] ?? 0)
        if (dtype === 'f32') return Float32Array.from(all)
        return dtype === 'int8' ? Int8Array.from(all) : Uint16Array.from(all)
      }
      const [a, b] = [numbers(2 * 5 * 7), numbers(2 * 7 * 3)]
      let fallback: string | null = null
      const product = await multiply(scene.compute)(a, b, { ...shape, device: 'fake:0' }, { onFallback: (reason) => (fallback = reason) })
      expect(product).toEqual(await multiply(cpu)(a, b, shape))
      expect(fallback).toBe(null)
    }
})

test('shapes that do not fit are refused before anything is sent', async () => {
  await using scene = gpuScene(fakeProgram())
  const a = new Float32Array(6)
  for (const shape of [
    { m: 2, k: 3, n: 3 },
    { m: -1, k: 3, n: 2 },
    { m: 2 ** 20, k: 2 ** 20, n: 1 },
  ])
    await expect(scene.compute.tensor.matmul(a, a, { ...shape, device: 'fake:0' })).rejects.toMatchObject({ code: 'TENSOR_SHAPE' })
  await expect(scene.compute.tensor.matmul(a, a, { m: 2, k: 3, n: 2, exact: true, device: 'fake:0' })).rejects.toMatchObject({
    code: 'TENSOR_DEVICE',
  })
  expect(scene.gpu.starts).toBe(0)
})

describe('all devices at once', () => {
  const solve = (compute: Compute, difficulty: bigint, signal?: AbortSignal) =>
    compute.pow.solve({ blockHash: random.bytes(32), hotkey: random.bytes(32), difficulty, backend: 'all', threads: 1 }, { signal })

  test('find a seal that meets, with and without GPUs', async () => {
    for (const program of [fakeProgram(), fakeProgram({ calls: [{ from: 0, do: 'exit' }] }), { command: '/nonexistent/taumesh-gpu' }]) {
      await using scene = gpuScene(program)
      const { seal, hashes } = await solve(scene.compute, 20_000n)
      expect(BigInt(`0x${Buffer.from(seal).toString('hex')}`) * 20_000n < 2n ** 256n).toBe(true)
      expect(hashes).toBeGreaterThan(0)
    }
  })

  test('stop together', async () => {
    await using scene = gpuScene(fakeProgram())
    await scene.gpu.find('fake:0')
    const stop = new AbortController()
    const search = solve(scene.compute, 2n ** 60n, stop.signal)
    setImmediate(() => stop.abort())
    await expect(search).rejects.toMatchObject({ code: 'NATIVE_CANCELLED' })
    // The device is free again: the next job is its.
    expect(await sealJob(scene.compute, random)).toEqual({ right: true, fallback: null })
  })
})

test.each(['fake:0', 'all'])('a search on %s takes a newer block without restart', async (backend) => {
  await using scene = gpuScene(fakeProgram())
  await scene.gpu.find('fake:0')
  const challenge = (difficulty: bigint) => ({ blockHash: random.bytes(32), hotkey: random.bytes(32), difficulty, backend, threads: 1 })
  const progress = Promise.withResolvers<void>()
  const search = scene.compute.pow.search(challenge(2n ** 60n), { onProgress: () => progress.resolve() })
  await progress.promise
  const newer = challenge(300n)
  expect(search.replace(newer)).toBe(true)
  const { seal, nonce, challenge: solved } = await search.result
  expect([solved.blockHash, cpu.pow.seal(newer.blockHash, newer.hotkey, nonce)]).toEqual([newer.blockHash, seal])
  expect(search.replace(newer)).toBe(false)
  expect(scene.gpu.starts).toBe(1)
})

/** Jobs of both kinds, the driver failing at call `index` of them in turn. */
async function sweep(program: (script: FakeScript) => GpuProgram, deeds: readonly Deed[], calls: number, checks = {}): Promise<Outcome[]> {
  const outcomes: Outcome[] = []
  const jobs: Rng = rng(testSeed() + 1)
  for (const deed of deeds)
    for (let index = 0; index < calls; index++) {
      await using scene = gpuScene(program({ calls: [{ at: index, do: deed }] }), { quietMs: 500, cancelMs: 500 }, checks)
      for (let i = 0; i < 2; i++) outcomes.push(await sealJob(scene.compute, jobs), await productJob(scene.compute, jobs))
    }
  return outcomes
}
const wrong = (outcomes: readonly Outcome[]): number => outcomes.filter(({ right }) => !right).length

/** Two rounds of a search (probe and slice) and a product. */
const CALLS = 6

describe.each([
  ['the scripted program', fakeProgram, ['wrong', 'fail', 'exit']],
  ['taumesh-gpu', realProgram, isGpuProgramBuilt ? ['fail', 'memory', 'wrong', 'hang', 'freeze', 'exit', 'abort'] : []],
] satisfies [string, (script: FakeScript) => GpuProgram, Deed[]][])('S14, %s failing at every call index', (name, program, deeds) => {
  test.skipIf(deeds.length === 0)(
    `no answer is wrong or missing${deeds.length === 0 ? ' (not built: npm run build:gpu)' : ''}`,
    async () => {
      const outcomes = await sweep(program, deeds, CALLS)
      expect(outcomes).toHaveLength(deeds.length * CALLS * 4)
      expect(wrong(outcomes)).toBe(0)
      const fallbacks = outcomes.filter(({ fallback }) => fallback !== null).length
      process.stdout.write(
        `${name}: ${outcomes.length} jobs under ${deeds.length} kinds of failure, ${fallbacks} of them done by the CPU, 0 wrong\n`,
      )
      expect(fallbacks).toBeGreaterThanOrEqual(deeds.length * CALLS)
    },
    180_000,
  )
})

test('M39 planted, products taken unchecked: this suite sees wrong answers', async () => {
  const unchecked = { product: () => Promise.resolve('right' as const) }
  expect(wrong(await sweep(fakeProgram, ['wrong'], CALLS, unchecked))).toBeGreaterThan(0)
})

test('M39 planted, seals taken unchecked: the race refuses them by name', async () => {
  await using scene = gpuScene(fakeProgram({ calls: [{ at: 1, do: 'wrong' }] }), {}, { meets: () => true })
  await expect(sealJob(scene.compute, random)).rejects.toMatchObject({ code: 'POW_BACKEND_WRONG' })
})
