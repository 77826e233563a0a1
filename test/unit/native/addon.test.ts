import { once } from 'node:events'
import { cpuUsage } from 'node:process'
import { Worker } from 'node:worker_threads'
import { expect, test } from 'vitest'
import { loadAddon } from '../../../src/native/addon.ts'
import { binding } from '../../support/addon-calls.ts'
import { collectGarbage } from '../../support/garbage.ts'
import { codeOf } from '../../support/hostile.ts'

const key = new Uint8Array(32)
const hopeless = { blockHash: key, hotkey: key, difficulty: 2n ** 64n - 1n, threads: 1 }

test('a missing addon is an error that says how to build it', async () => {
  expect(await codeOf(() => loadAddon(new URL('file:///nowhere/addon.ts')))).toBe('NATIVE_ABSENT')
})

test('loaded twice it is the same addon', () => {
  expect(loadAddon().pow.backends()).toEqual(loadAddon().pow.backends())
})

test('the addon works in a worker, and a search ends with the worker that began it', async () => {
  const worker = new Worker(new URL('../../support/solving-worker.ts', import.meta.url))
  const [done] = (await once(worker, 'message')) as [number]
  expect(done).toBeGreaterThan(0)
  await worker.terminate()
  await loadAddon().pow.solve({ ...hopeless, difficulty: 1n })
  // Had its search gone on, one core would be busy all the time that this thread does nothing.
  const busy = async (): Promise<number> => {
    const [before, started] = [cpuUsage(), performance.now()]
    await new Promise((resolve) => setTimeout(resolve, 200))
    const { user, system } = cpuUsage(before)
    return (user + system) / 1_000 / (performance.now() - started)
  }
  await expect.poll(busy, { timeout: 30_000 }).toBeLessThan(0.5)
})

test('one search more than 64 is refused, and those that were aborted make room', async () => {
  const controller = new AbortController()
  const { pow } = loadAddon()
  const running = Array.from({ length: 64 }, () => pow.solve(hopeless, { signal: controller.signal }))
  expect(await codeOf(() => pow.solve(hopeless))).toBe('NATIVE_BUSY')
  controller.abort()
  expect(await Promise.all(running.map((search) => codeOf(() => search)))).toEqual(running.map(() => 'NATIVE_CANCELLED'))
  expect(await codeOf(() => pow.solve({ ...hopeless, difficulty: 1n }))).toBe(null)
})

test('native code writes beside what it reads, never into it', () => {
  const memory = new ArrayBuffer(4_096)
  const into = new Float64Array(memory, 512, 256)
  const [before, behind] = [256, 2_560].map((at) => new Uint8Array(memory, at, 256)) as [Uint8Array, Uint8Array]
  for (const beside of [before, behind]) {
    binding.mixtureDecode(beside, into)
    expect(into.reduce((sum, p) => sum + p, 0)).toBeCloseTo(1, 12)
  }
  const kept = into.slice()
  for (const at of [257, 511, 512, 1_000, 2_559]) {
    const shared = new Uint8Array(memory, at, 256)
    expect(() => binding.mixtureDecode(shared, into)).toThrow(/^NATIVE_ARGUMENT/)
    expect(() => binding.mixtureNtdDecode(Uint8Array.of(0, 0), shared, into)).toThrow(/^NATIVE_ARGUMENT/)
    expect(() => binding.mixtureNtdDecode(shared, new Uint8Array(256), into)).toThrow(/^NATIVE_ARGUMENT/)
  }
  expect(into).toEqual(kept)
})

test('a handle that nobody names survives collection while its search runs', async () => {
  const controller = new AbortController()
  const search = loadAddon().pow.solve(hopeless, { signal: controller.signal })
  let settled = false
  void search.catch(() => undefined).finally(() => (settled = true))
  for (let turn = 0; turn < 10; turn++) {
    collectGarbage()
    await new Promise((resolve) => setTimeout(resolve, 10)) // finalizers run in a turn of their own
  }
  expect(settled).toBe(false)
  controller.abort()
  expect(await codeOf(() => search)).toBe('NATIVE_CANCELLED')
})

test('a stream answers at once where there is little to do, and long work and first answers go to another thread', async () => {
  const model = new binding.NativeModel({ kind: 'transformer', width: 64, layers: 3, heads: 4, context: 256 }, 1n)
  const stream = model.open()
  const text = new Uint8Array(300).fill(97)
  expect(stream.extendNow(0, text.subarray(0, 1), 1), 'its weights are not laid out yet').toBeNull()
  await stream.extend(0, text.subarray(0, 1), 1)
  const now = stream.extendNow(1, text.subarray(1, 2), 1)
  const later = await stream.extend(1, text.subarray(1, 2), 1)
  expect(now).toEqual(later)
  expect(stream.extendNow(0, text, 1)).toBeNull()
  expect(stream.extendNow(1, text.subarray(1, 2), 3)).toEqual(await stream.extend(1, text.subarray(1, 2), 3))
  expect(stream.extendNow(1, text.subarray(1, 2), 4), 'what is wrong is refused there').toBeNull()
})
