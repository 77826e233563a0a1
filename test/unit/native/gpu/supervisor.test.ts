/** The GPU program's life: started when needed, ended when silent or hostile, started again, never in the way. */
import { describe, expect, test } from 'vitest'
import { gpuDefaults } from '../../../../src/native/gpu/options.ts'
import { GpuSupervisor, NOT_BUILT } from '../../../../src/native/gpu/supervisor.ts'
import type { Deed } from '../../../support/fake-gpu.ts'
import { gpuScene, patientTimes, productJob, sealJob } from '../../../support/gpu-scene.ts'
import { fakeProgram } from '../../../support/gpu-programs.ts'
import { isAlive } from '../../../support/processes.ts'
import { rng, testSeed } from '../../../support/random.ts'

const random = rng(testSeed())
const ping = { op: 'ping', quietMs: 20_000 }

test('starts nothing until somebody asks, and then once', async () => {
  await using scene = gpuScene(fakeProgram())
  expect([scene.gpu.starts, scene.compute.pow.backends().includes('fake:0')]).toEqual([0, false])
  await Promise.all([scene.compute.tensor.devices(), scene.gpu.devices(), scene.gpu.find('fake:0')])
  expect([scene.gpu.starts, scene.compute.pow.backends().includes('fake:0')]).toEqual([1, true])
})

test('lists the CPU, then the devices of the program', async () => {
  await using scene = gpuScene(fakeProgram())
  const devices = await scene.compute.tensor.devices()
  expect(devices[0]).toMatchObject({ id: 'cpu', usable: true })
  expect(devices.slice(1)).toEqual([
    {
      id: 'fake:0',
      backend: 'fake',
      name: 'Fake device',
      memoryBytes: 2 ** 30,
      driver: 'none',
      features: ['f32'],
      usable: true,
      reason: null,
    },
  ])
})

test('a program that is not built costs nothing and is told as the reason', async () => {
  await using scene = gpuScene({ command: '/nonexistent/taumesh-gpu' })
  const devices = await scene.compute.tensor.devices()
  expect(devices.slice(1).map(({ id, usable, reason }) => [id, usable, reason])).toEqual([
    ['cuda', false, NOT_BUILT],
    ['wgpu', false, NOT_BUILT],
  ])
  const asked = scene.compute.tensor.matmul(Float32Array.of(1), Float32Array.of(1), { m: 1, k: 1, n: 1, device: 'cuda:0' })
  await expect(asked).rejects.toMatchObject({ code: 'GPU_UNAVAILABLE', message: expect.stringContaining(NOT_BUILT) as string })
  expect(scene.gpu.starts).toBe(0)
})

test('a device that the program does not have is the caller’s error', async () => {
  await using scene = gpuScene(fakeProgram())
  const challenge = { blockHash: new Uint8Array(32), hotkey: new Uint8Array(32), difficulty: 1n, backend: 'fake:7' }
  await expect(scene.compute.pow.solve(challenge)).rejects.toMatchObject({ code: 'GPU_UNAVAILABLE' })
})

describe('a program that does not greet well is not used, and is gone', () => {
  test.each<Deed>(['version', 'garbage', 'exit', 'segv', 'cut', 'field', 'long'])('%s', async (hello) => {
    await using scene = gpuScene(fakeProgram({ hello }), { backoffMs: [60_000] })
    const devices = await scene.gpu.devices()
    expect(devices.every(({ usable }) => !usable)).toBe(true)
    expect(devices[0]?.reason).toMatch(hello === 'version' ? /version 2/ : /GPU process/)
    expect(scene.gpu.starts).toBe(1)
  })

  test('silence', async () => {
    await using scene = gpuScene(fakeProgram({ hello: 'mute' }), { helloMs: 300, backoffMs: [60_000] })
    expect((await scene.gpu.devices())[0]?.reason).toMatch(/no answer to hello within 300 ms/)
  })

  test('a program that is none', async () => {
    await using scene = gpuScene({ command: '/' }, { backoffMs: [60_000] })
    expect((await scene.gpu.devices())[0]?.reason).toMatch(/could not be started/)
  })
})

test('a list that is none is refused', async () => {
  for (const list of ['garbage', 'short', 'field', 'twice', 'exit', 'stranger'] satisfies Deed[]) {
    await using scene = gpuScene(fakeProgram({ list }))
    expect(
      (await scene.gpu.devices()).some(({ usable }) => usable),
      list,
    ).toBe(list === 'twice')
  }
})

test('a program that keeps dying before it greets rests, with the reason', async () => {
  await using scene = gpuScene(fakeProgram({ hello: 'segv' }), { crashesMax: 2, backoffMs: [0, 0], benchMs: 60_000 })
  await scene.gpu.devices()
  await expect
    .poll(async () => (await scene.gpu.devices())[0]?.reason, { timeout: 20_000 })
    .toMatch(/rests for .* the GPU process died 2 times within 60 s, last because .*SIGSEGV/)
  expect(scene.gpu.starts).toBe(2)
})

test('answers whatever comes between: a wait of a second at most after a death, then the device again', async () => {
  await using scene = gpuScene(fakeProgram())
  await scene.gpu.run('fake:0', ping)
  const [before, pid] = [performance.now(), await scene.gpu.pid()]
  process.kill(pid ?? 0, 'SIGSEGV')
  await expect.poll(async () => (await scene.gpu.pid()) ?? pid, { timeout: 20_000, interval: 5 }).not.toBe(pid)
  await scene.gpu.run('fake:0', ping)
  const seconds = (performance.now() - before) / 1_000
  process.stdout.write(`the GPU program was back ${seconds.toFixed(2)} s after SIGSEGV\n`)
  expect(isAlive(pid ?? 0)).toBe(false)
})

test('is started at once after a death without a job that asks for it', async () => {
  await using scene = gpuScene(fakeProgram())
  await scene.gpu.run('fake:0', ping)
  process.kill((await scene.gpu.pid()) ?? 0, 'SIGKILL')
  await expect.poll(() => scene.gpu.starts, { timeout: 20_000, interval: 5 }).toBe(2)
})

test('waits longer from death to death, and not at all after an answered job', async () => {
  await using scene = gpuScene(
    fakeProgram({
      calls: [
        { at: 0, do: 'exit' },
        { at: 1, do: 'exit' },
      ],
    }),
    {
      backoffMs: [0, 60_000],
      crashesMax: 100,
    },
  )
  // Every life's first call ends it: after the second death the program rests a minute, and jobs do not wait for it.
  expect((await productJob(scene.compute, random)).fallback).toMatch(/exit code 3/)
  await expect.poll(() => scene.gpu.starts, { timeout: 20_000 }).toBe(2)
  await scene.gpu.find('fake:0')
  await expect.poll(async () => (await productJob(scene.compute, random)).fallback, { timeout: 20_000 }).toMatch(/exit code 3/)
  await expect.poll(async () => (await productJob(scene.compute, random)).fallback, { timeout: 20_000 }).toMatch(/started again in \d+ ms/)
  expect(scene.gpu.starts).toBe(2)
})

test('a device under which the program dies too often rests, and only that: its jobs go to the CPU', async () => {
  await using scene = gpuScene(fakeProgram({ calls: [{ from: 0, do: 'abort' }] }), { crashesMax: 2, benchMs: 60_000 })
  const reasons: (string | null)[] = []
  await expect
    .poll(
      async () => {
        const { right, fallback } = await productJob(scene.compute, random)
        expect(right).toBe(true)
        reasons.push(fallback)
        return fallback
      },
      { timeout: 20_000 },
    )
    .toMatch(/fake:0 gets no jobs: rests for \d+ s: the GPU process died 2 times/)
  expect(reasons[0]).toMatch(/SIGABRT/)
  await expect
    .poll(async () => (await scene.gpu.devices()).find(({ id }) => id === 'fake:0')?.reason, { timeout: 20_000 })
    .toMatch(/rests for/)
})

describe('a hung program is ended', () => {
  test('a job without progress', async () => {
    await using scene = gpuScene(fakeProgram({ calls: [{ at: 0, do: 'hang' }] }), { quietMs: 300 })
    expect(await productJob(scene.compute, random)).toMatchObject({
      right: true,
      fallback: expect.stringMatching(/no answer to matmul/) as string,
    })
  })

  test('a job that waits behind another of its device is not the late one', async () => {
    await using scene = gpuScene(fakeProgram({ calls: [{ from: 0, do: 'hang' }] }))
    const fields = { dtype: 'f32', m: 1, k: 1, n: 1, batch: 1, transposeA: false, transposeB: false }
    const job = { op: 'matmul', fields, payload: [new Uint8Array(4), new Uint8Array(4)], answerBytes: 4 }
    const outcomes = await Promise.allSettled([400, 100].map(async (quietMs) => await scene.gpu.run('fake:0', { ...job, quietMs })))
    const lost = { reason: { code: 'GPU_LOST', message: expect.stringContaining('no answer to matmul within 400 ms') as string } }
    expect(outcomes).toMatchObject([lost, lost])
  })

  test('a stopped program that was idle', async () => {
    await using scene = gpuScene(fakeProgram(), { pingEveryMs: 50, pingMs: 1_000 })
    await scene.gpu.run('fake:0', ping)
    const pid = (await scene.gpu.pid()) ?? 0
    process.kill(pid, 'SIGSTOP')
    await expect.poll(() => isAlive(pid), { timeout: 20_000 }).toBe(false)
    await expect.poll(() => scene.gpu.starts, { timeout: 20_000 }).toBeGreaterThan(1)
  })

  test('a cancel that is not obeyed', async () => {
    await using scene = gpuScene(fakeProgram({ calls: [{ at: 0, do: 'hang' }] }), { quietMs: 60_000, cancelMs: 200 })
    await scene.gpu.find('fake:0')
    const pid = (await scene.gpu.pid()) ?? 0
    const stop = new AbortController()
    const job = productJob(scene.compute, random, { signal: stop.signal })
    await new Promise((resolve) => setImmediate(resolve))
    stop.abort()
    await expect(job).rejects.toMatchObject({ code: 'NATIVE_CANCELLED' })
    await expect.poll(() => isAlive(pid), { timeout: 20_000 }).toBe(false)
  })
})

test('a cancelled search ends at once and the program goes on', async () => {
  await using scene = gpuScene(fakeProgram())
  await scene.gpu.find('fake:0')
  const stop = new AbortController()
  const progress = Promise.withResolvers<void>()
  const challenge = { blockHash: new Uint8Array(32), hotkey: new Uint8Array(32), difficulty: 2n ** 60n, backend: 'fake:0' }
  const search = scene.compute.pow.solve(challenge, { signal: stop.signal, onProgress: () => progress.resolve() })
  await progress.promise
  stop.abort()
  await expect(search).rejects.toMatchObject({ code: 'NATIVE_CANCELLED' })
  expect(await sealJob(scene.compute, random)).toEqual({ right: true, fallback: null })
  expect(scene.gpu.starts).toBe(1)
})

test('an idle program ends and a later job starts it anew', async () => {
  await using scene = gpuScene(fakeProgram(), { idleMs: 50 })
  await scene.gpu.run('fake:0', ping)
  const pid = (await scene.gpu.pid()) ?? 0
  await expect.poll(() => isAlive(pid), { timeout: 20_000 }).toBe(false)
  expect(scene.gpu.starts).toBe(1)
  expect(await productJob(scene.compute, random)).toEqual({ right: true, fallback: null })
  expect(scene.gpu.starts).toBe(2)
})

test('close ends the program and what it did, and a later job starts it anew', async () => {
  await using scene = gpuScene(fakeProgram({ calls: [{ at: 0, do: 'hang' }] }), { quietMs: 60_000 })
  await scene.gpu.find('fake:0')
  const pid = (await scene.gpu.pid()) ?? 0
  const settled = Promise.allSettled([productJob(scene.compute, random)])
  await new Promise((resolve) => setImmediate(resolve))
  await scene.gpu.close()
  expect((await settled)[0]).toMatchObject({ reason: { code: 'NATIVE_CANCELLED' } })
  expect(isAlive(pid)).toBe(false)
  expect(scene.gpu.starts).toBe(1)
})

test('a frozen program does not hold up a close', async () => {
  const gpu = new GpuSupervisor(fakeProgram(), { ...patientTimes, closeMs: 200 })
  await gpu.devices()
  const pid = (await gpu.pid()) ?? 0
  process.kill(pid, 'SIGSTOP')
  await gpu.close()
  expect(isAlive(pid)).toBe(false)
})

test('jobs beyond the queue are refused by name, and waiting ones can be cancelled', async () => {
  await using scene = gpuScene(fakeProgram({ calls: [{ at: 0, do: 'hang' }] }), { jobsMax: 1, queueMax: 1, quietMs: 60_000 })
  await scene.gpu.find('fake:0')
  const stop = new AbortController()
  const first = productJob(scene.compute, random, { signal: stop.signal })
  const second = productJob(scene.compute, random, { signal: stop.signal })
  const outcomes = Promise.allSettled([first, second])
  await expect(productJob(scene.compute, random)).rejects.toMatchObject({ code: 'NATIVE_BUSY' })
  stop.abort()
  for (const outcome of await outcomes) expect(outcome).toMatchObject({ reason: { code: 'NATIVE_CANCELLED' } })
})

test('the defaults are bounded: a first restart at once, the later ones within a minute', () => {
  expect(gpuDefaults.backoffMs[0]).toBe(0)
  expect(Math.max(...gpuDefaults.backoffMs)).toBeLessThanOrEqual(60_000)
})
