/** The models of `crates/expert` as `ExpertCompute`: arguments checked and copied there, failures as `NodeError`. */
import type { ExpertCompute, LongCall, Model, ModelSpec, ModelStream, TrainReport } from '../protocol/ports/compute.ts'
import type * as Binding from './binding.js'
import { NodeError } from '../protocol/errors.ts'
import { checkBytes, checkInteger, checkObject, U32_MAX } from './argument.ts'
import { call, long, nativeError } from './errors.ts'
import { checkSlice, type Slice } from './slice.ts'

/** The part of the addon that this facade needs. */
export type ExpertBinding = Pick<typeof Binding, 'Job' | 'NativeModel' | 'fallbackArtefact'>

/** `ExpertCompute` by the addon. @throws NodeError EXPERT_* as `src/protocol/errors.ts` lists them, and NATIVE_*, from every call */
export function expertCompute(binding: ExpertBinding): ExpertCompute {
  return {
    model: (spec, seed) => new AddonModel(spec, seed, binding),
    async fallbackArtefact(texts, options = {}) {
      checkTexts('texts', texts)
      return await long(new binding.Job(), options, async (job) => await binding.fallbackArtefact([...texts], job))
    },
  }
}

/** A list of texts of unshared memory. @throws NATIVE_ARGUMENT */
function checkTexts(name: string, texts: readonly Uint8Array[]): void {
  checkObject(name, texts)
  for (let i = 0; i < texts.length; i++) checkBytes(`${name}[${i}]`, texts[i] as Uint8Array)
}

/** Sizes cross to native code modulo 2³², so what is none is refused on this side. @throws EXPERT_SPEC */
function checkSizes(spec: ModelSpec): void {
  for (const [name, size] of Object.entries(spec)) {
    if (typeof size === 'number' && (!Number.isSafeInteger(size) || size < 0 || size > U32_MAX))
      throw new NodeError('EXPERT_SPEC', { detail: `${name} of ${size}` })
  }
}

/** The addon has no word `match`, which is a keyword there. @throws EXPERT_SPEC, NATIVE_ARGUMENT */
function nativeSpec(spec: ModelSpec): Binding.NativeModelSpec {
  checkObject('spec', spec)
  checkSizes(spec)
  if (spec.kind === 'fallback') checkBytes('artefact', spec.artefact)
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
    this.#binding = binding
    this.#native = call(() => new binding.NativeModel(nativeSpec(spec), BigInt.asUintN(64, seed)))
    this.kind = spec.kind
  }

  get parameters(): number {
    return this.#native.parameters
  }

  async setText(text: Uint8Array): Promise<void> {
    checkBytes('text', text)
    await settled(async () => await this.#native.setText(text))
  }

  async train(slice: Slice, options: LongCall = {}): Promise<TrainReport> {
    checkSlice(slice)
    return await this.#long(options, async (job) => await this.#native.train(slice, job))
  }

  async predict(contexts: readonly Uint8Array[], from: readonly number[], options: LongCall = {}): Promise<Uint8Array[]> {
    checkTexts('contexts', contexts)
    checkObject('from', from)
    for (let i = 0; i < from.length; i++) checkInteger(`from[${i}]`, from[i] as number, 0, U32_MAX)
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
    checkBytes('checkpoint', checkpoint)
    await settled(async () => await this.#native.load(checkpoint))
  }

  async #long<T>(options: LongCall, start: (job: Binding.Job) => Promise<T>): Promise<T> {
    return await long(new this.#binding.Job(), options, start)
  }
}

/**
 * Calls on one stream run one after the other, in the order they were made. A call that finds none before it and has little to
 * do, as each byte of a small model that generates, is answered at once.
 */
class AddonStream implements ModelStream {
  readonly #native: Binding.NativeStream
  #last: Promise<unknown> = Promise.resolve()
  #running = 0

  constructor(native: Binding.NativeStream) {
    this.#native = native
  }

  async extend(position: number, bytes: Uint8Array, want: number): Promise<Uint8Array> {
    checkInteger('position', position, 0, U32_MAX)
    checkBytes('bytes', bytes)
    checkInteger('want', want, 0, U32_MAX)
    const now = this.#running === 0 ? call(() => this.#native.extendNow(position, bytes, want)) : null
    if (now !== null) return now
    this.#running += 1
    const next = this.#last.then(async () => await settled(async () => await this.#native.extend(position, bytes, want)))
    this.#last = next.catch(() => undefined)
    try {
      return await next
    } finally {
      this.#running -= 1
    }
  }

  /** A call that is under way still gets its answer. */
  close(): void {
    if (this.#running === 0) this.#native.close()
    else void this.#last.then(() => this.#native.close())
  }
}
