/**
 * Models that a GPU trains. The CPU's model answers, keeps the weights and is the truth: a slice is sent with its checkpoint
 * and text, and what comes back is loaded once it is checked. A slice depends on nothing else, so one that is lost with the
 * device is trained on the CPU instead.
 */
import { NodeError } from '../../protocol/errors.ts'
import type { ExpertCompute, LongCall, Model, ModelSpec, ModelStream, TrainReport } from '../../protocol/ports/compute.ts'
import { checkBytes } from '../argument.ts'
import { checkSlice, type Slice } from '../slice.ts'
import { isGpuDevice } from './device-list.ts'
import { JobQueue } from './job-queue.ts'
import type { GpuSupervisor } from './supervisor.ts'
import { isTakeover, takeOver } from './takeover.ts'
import { checkTraining } from './training-check.ts'

/** The number of steps in a checkpoint's header may grow by these bytes, its padding included. */
const HEADER_GROWTH = 32
/** Bytes per millisecond that even a slow machine copies and reads: what a large model may take longer to show progress. */
const BYTES_PER_MS = 5e4
/** The longest slice, as the addon has it. */
const BUDGET_MS_MAX = 3_600_000
/** Calls that may wait for one model's slice; a trainer makes one at a time. */
const WAITING_MAX = 64

/** What a device can train, without the name of the device. */
type Trainable = Extract<ModelSpec, { kind: 'transformer' | 'gru' }>
/** The sizes of a model, as the GPU program names them. */
type Shape = Omit<Trainable, 'device' | 'exact'>

interface DeviceModelParts {
  /** The model itself, and one to try weights in. */
  cpu: Model
  scratch: () => Model
  gpu: GpuSupervisor
  device: string
  shape: Trainable
  seed: bigint
}

class DeviceModel implements Model {
  readonly #parts: DeviceModelParts
  #scratch: Model | undefined
  #text: Uint8Array = new Uint8Array(0)
  /** What changes the weights: one after the other, in the order of the calls. */
  readonly #turns = new JobQueue({ jobsMax: 1, queueMax: WAITING_MAX })

  constructor(parts: DeviceModelParts) {
    this.#parts = parts
  }

  get kind(): Trainable['kind'] {
    return this.#parts.shape.kind
  }

  get parameters(): number {
    return this.#parts.cpu.parameters
  }

  /** For the slices that begin from now on: one that is under way has its own. */
  async setText(text: Uint8Array): Promise<void> {
    checkBytes('text', text)
    const own = text.slice()
    await this.#parts.cpu.setText(own)
    this.#text = own
  }

  async train(slice: Slice, options: LongCall = {}): Promise<TrainReport> {
    checkSlice(slice)
    const { signal, onProgress, onFallback } = options
    return await this.#turns.run(signal, async () => {
      const { cpu } = this.#parts
      // Without a text the CPU says so, and nothing to do it does best.
      if (this.#text.length === 0 || slice.steps === 0) return await cpu.train(slice, options)
      try {
        return await this.#onDevice(slice, options)
      } catch (error) {
        if (!isTakeover(error)) throw error
        return await takeOver(error, onFallback, () => cpu.train(slice, { signal, onProgress }))
      }
    })
  }

  async predict(contexts: readonly Uint8Array[], from: readonly number[], options?: LongCall): Promise<Uint8Array[]> {
    return await this.#parts.cpu.predict(contexts, from, options)
  }

  open(): ModelStream {
    return this.#parts.cpu.open()
  }

  async root(): Promise<Uint8Array> {
    return await this.#parts.cpu.root()
  }

  /** Of the last slice that ended: one that is on the device has changed nothing yet. */
  async save(options?: { weightsOnly?: boolean }): Promise<Uint8Array> {
    return await this.#parts.cpu.save(options)
  }

  async load(checkpoint: Uint8Array): Promise<void> {
    checkBytes('checkpoint', checkpoint)
    const own = checkpoint.slice()
    await this.#turns.run(undefined, async () => await this.#parts.cpu.load(own))
  }

  async #onDevice(slice: Slice, { signal, onProgress, onDeviceSeconds }: LongCall): Promise<TrainReport> {
    const { cpu, gpu, device, shape, seed } = this.#parts
    const { width, context } = shape
    const { device: _device, exact: _exact, ...sizes } = shape
    const model: Shape = sizes
    await gpu.find(device, signal)
    const before = await cpu.save()
    const text = this.#text
    const budgetMs = Math.round(Math.min(Math.max(slice.budgetMs, 0), BUDGET_MS_MAX))
    const { steps, totalSteps } = slice
    const { ok, payload } = await gpu.run(device, {
      op: 'train',
      fields: { model, seed: String(seed), steps, totalSteps, budgetMs, checkpoint: before.length },
      payload: [before, text],
      answerBytesMost: before.length + HEADER_GROWTH,
      quietMs: gpu.quietMs + (before.length + text.length) / BYTES_PER_MS,
      signal,
      onProgress,
    })
    this.#scratch ??= this.#parts.scratch()
    const verdict = await checkTraining({ ok, checkpoint: payload, before, steps, text, width, context }, cpu, this.#scratch)
    if (typeof verdict === 'string') {
      const detail = `a slice of training: ${verdict}`
      gpu.fault(device, detail)
      throw new NodeError('GPU_WRONG', { device, detail })
    }
    if (signal?.aborted === true) throw new NodeError('NATIVE_CANCELLED')
    await cpu.load(payload)
    onDeviceSeconds?.(verdict.seconds)
    return verdict
  }
}

/** `cpu` where `device` of a spec may name a GPU of `gpu`, which then trains it. @throws NodeError EXPERT_SPEC */
export function expertWithDevices(cpu: ExpertCompute, gpu: GpuSupervisor): ExpertCompute {
  return {
    ...cpu,
    model(spec, seed) {
      if ((spec.kind !== 'transformer' && spec.kind !== 'gru') || spec.device === undefined) return cpu.model(spec, seed)
      const { device, ...shape } = spec
      if (device === 'cpu') return cpu.model(shape, seed)
      if (!isGpuDevice(device)) throw new NodeError('EXPERT_SPEC', { detail: `${device} is no device` })
      if (shape.exact === true) throw new NodeError('EXPERT_SPEC', { detail: 'exact training is done on the CPU alone' })
      return new DeviceModel({
        cpu: cpu.model(shape, seed),
        scratch: () => cpu.model(shape, 0n),
        gpu,
        device,
        shape,
        seed: BigInt.asUintN(64, seed),
      })
    },
  }
}
