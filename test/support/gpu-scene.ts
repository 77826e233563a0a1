/** A supervised GPU program beside the addon's CPU, and jobs whose right answers are known. */
import { loadAddon } from '../../src/native/addon.ts'
import { gpuCompute, type GpuChecks } from '../../src/native/gpu/compute.ts'
import type { GpuOptions, GpuProgram } from '../../src/native/gpu/options.ts'
import { GpuSupervisor } from '../../src/native/gpu/supervisor.ts'
import type { Compute, LongCall } from '../../src/protocol/ports/compute.ts'
import type { Rng } from './random.ts'

/** Times within which a healthy program answers also where others hold the cores for seconds; tests of silence give shorter ones. */
export const patientTimes: Partial<GpuOptions> = { helloMs: 20_000, quietMs: 20_000, cancelMs: 20_000, closeMs: 5_000, backoffMs: [0] }

export const cpu: Compute = loadAddon()

export interface GpuScene extends AsyncDisposable {
  gpu: GpuSupervisor
  compute: Compute
}
export function gpuScene(program: GpuProgram, options: Partial<GpuOptions> = {}, checks: GpuChecks = {}): GpuScene {
  const gpu = new GpuSupervisor(program, { ...patientTimes, ...options })
  return { gpu, compute: gpuCompute(cpu, gpu, checks), [Symbol.asyncDispose]: () => gpu.close() }
}

export interface Outcome {
  right: boolean
  /** Why the CPU took over; null when the device did it. */
  fallback: string | null
}

/** A search whose answer is known: from one start there is one first nonce. */
export async function sealJob(compute: Compute, random: Rng, options: LongCall = {}): Promise<Outcome> {
  const challenge = { blockHash: random.bytes(32), hotkey: random.bytes(32), difficulty: 300n, start: BigInt(random.int(2 ** 40)) }
  let fallback: string | null = null
  const solution = await compute.pow.solve({ ...challenge, backend: 'fake:0' }, { ...options, onFallback: (reason) => (fallback = reason) })
  const wanted = await cpu.pow.solve({ ...challenge, threads: 1 })
  return { right: solution.nonce === wanted.nonce && Buffer.compare(solution.seal, wanted.seal) === 0, fallback }
}

/** A product of small whole numbers, which every device computes exactly. */
export async function productJob(compute: Compute, random: Rng, options: LongCall = {}): Promise<Outcome> {
  const [m, k, n] = [1 + random.int(12), 1 + random.int(12), 1 + random.int(12)]
  const numbers = (count: number): Float32Array => Float32Array.from({ length: count }, () => random.int(9) - 4)
  const [a, b] = [numbers(m * k), numbers(k * n)]
  let fallback: string | null = null
  const product = await compute.tensor.matmul(
    a,
    b,
    { m, k, n, device: 'fake:0' },
    { ...options, onFallback: (reason) => (fallback = reason) },
  )
  const wanted = await cpu.tensor.matmul(a, b, { m, k, n })
  return { right: product.length === wanted.length && product.every((value, i) => value === wanted[i]), fallback }
}

/**
 * Slices of one model that a device trains, each followed by the same on a CPU's twin: what is lost, or trained twice, the two
 * checkpoints show from then on.
 */
export async function trainingJobs(compute: Compute, random: Rng): Promise<(options?: LongCall) => Promise<Outcome>> {
  const [spec, seed] = [{ kind: 'gru', embedding: 8, width: 8, context: 16 } as const, BigInt(random.int(2 ** 40))]
  const model = compute.expert.model({ ...spec, device: 'fake:0' }, seed)
  const twin = cpu.expert.model(spec, seed)
  const text = random.bytes(256)
  await Promise.all([model.setText(text), twin.setText(text)])
  const slice = { steps: 1, budgetMs: 600_000, totalSteps: 1_000 }
  return async (options = {}) => {
    let fallback: string | null = null
    await model.train(slice, { ...options, onFallback: (reason) => (fallback = reason) })
    await twin.train(slice)
    return { right: Buffer.compare(await model.save(), await twin.save()) === 0, fallback }
  }
}
