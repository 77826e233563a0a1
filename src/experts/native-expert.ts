/** The models of `crates/expert` behind the Expert contract: n-gram with match, transformer, GRU, and the public fallback. */
import { NodeError } from '../protocol/errors.ts'
import type { ExpertCompute, Model, ModelSpec } from '../protocol/ports/compute.ts'
import type { Expert, ExpertDescription, ExpertStream } from '../protocol/ports/expert.ts'
import type { Clock, Log } from '../protocol/ports/platform.ts'
import type { CheckpointStore } from './checkpoint-store.ts'
import { kindText, modelClass } from './model-class.ts'
import { RateMeter } from './rate-meter.ts'

/** One training slice: long enough to be worth the call, short enough that an answer never waits for it (mixture.md 12). */
const SLICE_MS = 50
/** Steps between two checkpoints on disk: about ten seconds of training, the work a crash may lose. */
const CHECKPOINT_STEPS = 100

export interface NativeExpertOptions {
  spec: ModelSpec
  /** What it learns from: trained on, or counted by an n-gram. Not used by the fallback. */
  text: Uint8Array
  /** Steps after which training is over; shapes the rate schedule. 0 = does not train. */
  totalSteps: number
  seed: bigint
  /** Longest scored span it takes. */
  sequenceLengthMax: number
  /** Bytes per second stated until it has measured itself. */
  rate: number
}
export interface NativeExpertParts {
  expert: Pick<ExpertCompute, 'model'>
  clock: Pick<Clock, 'monotonic'>
  log: Log
  /** Without it a restart begins from scratch. */
  checkpoints?: CheckpointStore | undefined
}

/** Builds the model, gives it its text and the newest checkpoint, and returns it ready to answer. @throws NodeError of `ExpertCompute` */
export async function nativeExpert(options: NativeExpertOptions, parts: NativeExpertParts): Promise<Expert> {
  const { spec } = options
  const model = parts.expert.model(spec, options.seed)
  let done = 0
  if (spec.kind !== 'fallback') await model.setText(options.text)
  if (trains(spec)) {
    const checkpoint = await stored(options, parts)
    if (checkpoint !== null) {
      await model.load(checkpoint.weights)
      done = checkpoint.done
      parts.log.info('training continues from a checkpoint', { kind: kindText(spec), steps: done })
    }
  }
  return new NativeExpert(model, done, options, parts)
}

const trains = (spec: ModelSpec): boolean => spec.kind === 'transformer' || spec.kind === 'gru'

async function stored(options: NativeExpertOptions, { checkpoints, log }: NativeExpertParts) {
  try {
    return (await checkpoints?.load(options.spec)) ?? null
  } catch (error) {
    if (!(error instanceof NodeError) || error.code !== 'EXPERTS_CHECKPOINT_OTHER') throw error
    log.warn('the stored checkpoint cannot be used: training begins anew', { detail: error.message })
    return null
  }
}

class NativeExpert implements Expert {
  readonly #model: Model
  readonly #options: NativeExpertOptions
  readonly #parts: NativeExpertParts
  readonly #rate: RateMeter
  readonly #closing = new AbortController()
  #done: number
  #savedAt: number
  #slice: Promise<unknown> = Promise.resolve()

  constructor(model: Model, done: number, options: NativeExpertOptions, parts: NativeExpertParts) {
    this.#model = model
    this.#options = options
    this.#parts = parts
    this.#rate = new RateMeter(options.rate, parts.clock)
    this.#done = done
    this.#savedAt = done
  }

  async describe(): Promise<ExpertDescription> {
    const { spec, sequenceLengthMax } = this.#options
    return {
      root: await this.#model.root(),
      class: modelClass(spec, this.#model.parameters),
      kind: kindText(spec),
      parameters: this.#model.parameters,
      sequenceLengthMax,
      rate: Math.round(this.#rate.perSecond()),
    }
  }

  async predict(contexts: readonly Uint8Array[], from: readonly number[], signal?: AbortSignal): Promise<Uint8Array[]> {
    this.#assertOpen()
    const work = contexts.reduce((sum, context) => sum + context.length + 1, 0)
    return await this.#rate.measure(work, async () => await this.#model.predict(contexts, from, { signal }))
  }

  open(): ExpertStream {
    this.#assertOpen()
    return this.#model.open()
  }

  async train(signal?: AbortSignal): Promise<{ steps: number; bytes: number; loss: number; done: number } | null> {
    const { spec, totalSteps } = this.#options
    if (this.#closing.signal.aborted || !trains(spec) || this.#done >= totalSteps) return null
    const signals = signal === undefined ? this.#closing.signal : AbortSignal.any([signal, this.#closing.signal])
    const slice = this.#model.train({ steps: totalSteps - this.#done, budgetMs: SLICE_MS, totalSteps }, { signal: signals })
    this.#slice = slice.catch(() => undefined)
    const { steps, bytes, loss } = await slice
    this.#done += steps
    if (this.#done - this.#savedAt >= CHECKPOINT_STEPS || this.#done >= totalSteps) await this.#save()
    return { steps, bytes, loss, done: this.#done }
  }

  async close(): Promise<void> {
    if (this.#closing.signal.aborted) return
    this.#closing.abort(new NodeError('EXPERTS_CLOSED'))
    await this.#slice
    if (this.#done > this.#savedAt) await this.#save()
  }

  async #save(): Promise<void> {
    const { checkpoints } = this.#parts
    if (checkpoints === undefined) return
    const done = this.#done
    await checkpoints.save(this.#options.spec, { done, weights: await this.#model.save() })
    this.#savedAt = done
  }

  #assertOpen(): void {
    if (this.#closing.signal.aborted) throw new NodeError('EXPERTS_CLOSED')
  }
}
