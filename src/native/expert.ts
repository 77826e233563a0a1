/** The models of `crates/expert` as `ExpertCompute`: arguments checked and copied there, failures as `NodeError`. */
import type { ExpertCompute, LongCall, Model, ModelSpec, ModelStream } from '../protocol/ports/compute.ts'
import type * as Binding from './binding.js'
import { NodeError } from '../protocol/errors.ts'
import { call, long, nativeError } from './errors.ts'

/** The part of the addon that this facade needs. */
export type ExpertBinding = Pick<typeof Binding, 'Job' | 'NativeModel' | 'fallbackArtefact'>

/** `ExpertCompute` by the addon. @throws NodeError EXPERT_* as `src/protocol/errors.ts` lists them, from every call */
export function expertCompute(binding: ExpertBinding): ExpertCompute {
  return {
    model: (spec, seed) => new AddonModel(spec, seed, binding),
    fallbackArtefact: async (texts, options = {}) =>
      await long(new binding.Job(), options, async (job) => await binding.fallbackArtefact([...texts], job)),
  }
}

/** The addon has no word `match`, which is a keyword there. */
function nativeSpec(spec: ModelSpec): Binding.NativeModelSpec {
  if ((spec.kind === 'transformer' || spec.kind === 'gru') && (spec.device ?? 'cpu') !== 'cpu')
    throw new NodeError('EXPERT_SPEC', { detail: `the addon trains on the CPU alone, not on ${spec.device}` })
  if (spec.kind !== 'order') return spec
  const { match, ...rest } = spec
  return { ...rest, matching: match }
}

/** Awaits a native promise, its failure as a `NodeError`. */
async function settled<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    throw nativeError(error)
  }
}

class AddonModel implements Model {
  readonly kind: ModelSpec['kind']
  readonly #binding: ExpertBinding
  readonly #native: Binding.NativeModel

  constructor(spec: ModelSpec, seed: bigint, binding: ExpertBinding) {
    this.kind = spec.kind
    this.#binding = binding
    this.#native = call(() => new binding.NativeModel(nativeSpec(spec), seed))
  }

  get parameters(): number {
    return this.#native.parameters
  }

  async setText(text: Uint8Array): Promise<void> {
    await settled(async () => await this.#native.setText(text))
  }

  async train(slice: { steps: number; budgetMs: number; totalSteps: number }, options: LongCall = {}) {
    return await this.#long(options, async (job) => await this.#native.train(slice, job))
  }

  async predict(contexts: readonly Uint8Array[], from: readonly number[], options: LongCall = {}): Promise<Uint8Array[]> {
    return await this.#long(options, async (job) => await this.#native.predict([...contexts], [...from], job))
  }

  open(): ModelStream {
    return new AddonStream(call(() => this.#native.open()))
  }

  async root(): Promise<Uint8Array> {
    return await settled(async () => await this.#native.root())
  }

  async save(options: { weightsOnly?: boolean } = {}): Promise<Uint8Array> {
    return await settled(async () => await this.#native.save(options.weightsOnly ?? false))
  }

  async load(checkpoint: Uint8Array): Promise<void> {
    await settled(async () => await this.#native.load(checkpoint))
  }

  async #long<T>(options: LongCall, start: (job: Binding.Job) => Promise<T>): Promise<T> {
    return await long(new this.#binding.Job(), options, start)
  }
}

/** Calls on one stream run one after the other, in the order they were made. */
class AddonStream implements ModelStream {
  readonly #native: Binding.NativeStream
  #last: Promise<unknown> = Promise.resolve()

  constructor(native: Binding.NativeStream) {
    this.#native = native
  }

  async extend(position: number, bytes: Uint8Array, want: number): Promise<Uint8Array> {
    const next = this.#last.then(async () => await settled(async () => await this.#native.extend(position, bytes, want)))
    this.#last = next.catch(() => undefined)
    return await next
  }

  /** A call that is under way still gets its answer. */
  close(): void {
    void this.#last.then(() => this.#native.close())
  }
}
