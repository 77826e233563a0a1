/** A model that a device trains is the model that the CPU trains, whatever the device does. */
import { describe, expect, test } from 'vitest'
import { isGpuDevice } from '../../../../src/native/gpu/device-list.ts'
import type { LongCall, Model, ModelSpec } from '../../../../src/protocol/ports/compute.ts'
import { cpu, gpuScene } from '../../../support/gpu-scene.ts'
import { isGpuProgramBuilt, realDevices, realProgram } from '../../../support/gpu-programs.ts'

const specs: ModelSpec[] = [
  { kind: 'transformer', width: 16, layers: 1, heads: 2, context: 32 },
  { kind: 'gru', embedding: 16, width: 16, context: 32 },
]
const text = new TextEncoder().encode('what a device learns is what the processor learns, word by word. '.repeat(20))
const slice = { steps: 2, budgetMs: 600_000, totalSteps: 40 }

async function trained(model: Model, slices: number, options?: LongCall): Promise<{ losses: number[]; checkpoint: Uint8Array }> {
  await model.setText(text)
  const losses: number[] = []
  for (let i = 0; i < slices; i++) losses.push((await model.train(slice, options)).loss)
  return { losses, checkpoint: await model.save() }
}

describe.skipIf(!isGpuProgramBuilt).each(specs)('a $kind (needs npm run build:gpu)', (spec) => {
  test('trained by a device that computes as the CPU does has the CPU’s bits', async () => {
    await using scene = gpuScene(realProgram())
    const fallbacks: string[] = []
    const model = scene.compute.expert.model({ ...spec, device: 'fake:0' } as ModelSpec, 7n)
    const there = await trained(model, 3, { onFallback: (reason) => fallbacks.push(reason) })
    const here = await trained(cpu.expert.model(spec, 7n), 3)
    expect(fallbacks).toEqual([])
    expect(there.checkpoint).toEqual(here.checkpoint)
    expect(await model.predict([text.subarray(0, 20)], [19])).toHaveLength(1)
  })

  test.each(['fail', 'exit', 'abort', 'memory', 'hang', 'wrong'] as const)(
    'goes on with the CPU’s bits where the device ends in %s',
    async (deed) => {
      await using scene = gpuScene(realProgram({ calls: [{ at: 1, do: deed }] }), deed === 'hang' ? { quietMs: 1_500 } : {})
      const fallbacks: string[] = []
      const model = scene.compute.expert.model({ ...spec, device: 'fake:0' } as ModelSpec, 7n)
      const there = await trained(model, 3, { onFallback: (reason) => fallbacks.push(reason) })
      expect(fallbacks.length).toBeGreaterThan(0)
      expect(there.checkpoint).toEqual((await trained(cpu.expert.model(spec, 7n), 3)).checkpoint)
    },
  )

  test('that is cancelled is as it was before', async () => {
    await using scene = gpuScene(realProgram())
    const model = scene.compute.expert.model({ ...spec, device: 'fake:0' } as ModelSpec, 7n)
    await model.setText(text)
    await model.train(slice)
    const before = await model.save()
    const stop = new AbortController()
    const long = model.train({ ...slice, steps: 1_000_000 }, { signal: stop.signal, onProgress: () => stop.abort() })
    await expect(long).rejects.toMatchObject({ code: 'NATIVE_CANCELLED' })
    expect(await model.save()).toEqual(before)
  })

  test.for([
    ['the fake device', realProgram()],
    ['a real driver', realDevices],
  ] as const)('keeps nobody waiting who need not, while a slice is on %s', async ([, program], { skip }) => {
    await using scene = gpuScene(program, { quietMs: 60_000 })
    const device = (await scene.compute.tensor.devices()).find(({ id, usable }) => usable && isGpuDevice(id))
    if (device === undefined) skip('no Vulkan device')
    const model = scene.compute.expert.model({ ...spec, device: device?.id } as ModelSpec, 7n)
    await model.setText(text)
    const before = await model.save()
    const begun = Promise.withResolvers<void>()
    const [end, giveUp] = [new AbortController(), new AbortController()]
    let isUnderWay = true
    const long = model.train({ ...slice, steps: 1_000_000 }, { signal: end.signal, onProgress: () => begun.resolve() })
    const ended = long.catch((error: unknown) => error).finally(() => (isUnderWay = false))
    await begun.promise
    const abandoned = model.train(slice, { signal: giveUp.signal })
    const patient = model.train(slice)
    giveUp.abort()
    await expect(abandoned).rejects.toMatchObject({ code: 'NATIVE_CANCELLED' })
    expect(await model.save()).toEqual(before)
    await model.setText(text.subarray(0, 20))
    expect(isUnderWay).toBe(true)
    end.abort()
    expect(await ended).toMatchObject({ code: 'NATIVE_CANCELLED' })
    // 32 windows a step, each as long as the text that was set last.
    expect(await patient).toMatchObject({ steps: 2, bytes: 2 * 32 * 20 })
  })

  test('learns the same on a real driver, software renderers included', async ({ skip }) => {
    await using scene = gpuScene(realDevices, { quietMs: 60_000 })
    const device = (await scene.compute.tensor.devices()).find(({ id, usable }) => usable && id.startsWith('wgpu:'))
    if (device === undefined) skip('no Vulkan device')
    const fallbacks: string[] = []
    const model = scene.compute.expert.model({ ...spec, device: device?.id } as ModelSpec, 7n)
    const there = await trained(model, 2, { onFallback: (reason) => fallbacks.push(reason) })
    const here = await trained(cpu.expert.model(spec, 7n), 2)
    expect(fallbacks).toEqual([])
    for (const [i, loss] of there.losses.entries()) expect(Math.abs(loss - (here.losses[i] ?? NaN))).toBeLessThan(0.01)
  })
})

test('a machine without that device says so', async () => {
  await using scene = gpuScene({ command: '/nonexistent/taumesh-gpu' })
  const model = scene.compute.expert.model({ kind: 'gru', embedding: 16, width: 16, context: 32, device: 'cuda:0' }, 7n)
  await model.setText(text)
  await expect(model.train(slice)).rejects.toMatchObject({ code: 'GPU_UNAVAILABLE' })
  expect(() => scene.compute.expert.model({ kind: 'gru', embedding: 16, width: 16, context: 32, device: 'abacus' }, 7n)).toThrow(
    /abacus is no device/,
  )
})
