/**
 * The nano transformer: training (T = 256, batch 32), scoring of given bytes, generation from one stream with its cache; then
 * the same in exact mode, whose speed can be proven.
 */
import { utf8 } from '../../protocol/bytes.ts'
import type { LongCall, Model } from '../../protocol/ports/compute.ts'
import { demand, figure, onDevice, time, type BenchContext, type Found, type Subject } from './measure.ts'
import { BATCH, CONTEXT, GENERATED, NANO, THREADS } from './nano.ts'
import { stepKinds } from './step-kinds.ts'
import { measureSteps } from './steps.ts'

const TEXT = utf8('the quick brown fox jumps over the lazy dog and runs away; '.repeat(2_000))
const slice = { steps: 1, budgetMs: 600_000, totalSteps: 1_000 }
/** Steps after which the loss must have fallen. */
const LEARNING_STEPS = 3
/** Bits per byte between the losses of both modes, which add in different orders. */
const LOSS_TOLERANCE = 0.005

async function checkLearning(nano: Model, options: LongCall): Promise<void> {
  const before = await nano.train(slice, options)
  let after = before
  for (let i = 0; i < LEARNING_STEPS; i++) after = await nano.train(slice, options)
  demand(after.loss < before.loss, 'training, whose loss did not fall')
}

async function train(context: BenchContext, nano: Model, options: LongCall = {}, backend = where): Promise<Found> {
  if (context.round === 0) await checkLearning(nano, options)
  const times = await time(context, async () => await nano.train(slice, options))
  return { metric: figure('expert.train', 'B/s', times, BATCH * CONTEXT, backend) }
}

/** Training on a GPU, copies there and back and the check of each slice included; all else is done on the CPU. */
async function trainOn(context: BenchContext, device: string): Promise<Found> {
  const model = context.compute.expert.model({ ...NANO, device }, 1n)
  await model.setText(TEXT)
  const { options, check } = onDevice(device, context.signal)
  const found = await train(context, model, options, { backend: device, threads: 1 })
  check()
  return found
}

async function score(context: BenchContext, nano: Model): Promise<Found> {
  const contexts = Array.from({ length: BATCH }, (_, i) => TEXT.slice(i, i + CONTEXT))
  const starts = contexts.map(() => 0)
  const run = async (): Promise<Uint8Array[]> => await nano.predict(contexts, starts)
  const check = async (): Promise<void> => {
    const leaves = await run()
    const [alone] = await nano.predict(contexts.slice(0, 1), [0])
    demand(
      leaves.every((one) => one.length === (CONTEXT + 1) * 256) &&
        alone?.every((code, i) => Math.abs(code - (leaves[0]?.[i] ?? 0)) <= 1) === true,
      'the leaves of a batch against those of one',
    )
  }
  if (context.round === 0) await check()
  return { metric: figure('expert.score', 'B/s', await time(context, run), BATCH * CONTEXT, where) }
}

async function generate(context: BenchContext, nano: Model): Promise<Found> {
  const stream = nano.open()
  try {
    const run = async (): Promise<void> => {
      for (let i = 0; i < GENERATED; i++) await stream.extend(i, TEXT.subarray(i, i + 1), 1)
    }
    const check = async (): Promise<void> => {
      await run()
      const last = await stream.extend(GENERATED - 1, TEXT.subarray(GENERATED - 1, GENERATED), 1)
      const [whole] = await nano.predict([TEXT.subarray(0, GENERATED)], [GENERATED])
      demand(whole !== undefined && last.every((code, i) => Math.abs(code - (whole[i] ?? 0)) <= 1), 'the stream against the batch')
    }
    if (context.round === 0) await check()
    return { metric: figure('expert.generate', 'B/s', await time(context, run), GENERATED, { ...where, threads: 1 }) }
  } finally {
    stream.close()
  }
}

/** The pool of `crates/expert` has a thread per core, whatever was asked for. */
const where = { backend: 'cpu', threads: THREADS }

/** Both modes must learn and predict the same, up to rounding. */
async function checkExact({ compute: { expert } }: BenchContext): Promise<void> {
  const models = [false, true].map((exact) => expert.model({ ...NANO, exact }, 1n))
  const found = []
  for (const model of models) {
    const [leaves = new Uint8Array()] = await model.predict([TEXT.subarray(0, CONTEXT)], [0])
    await model.setText(TEXT)
    const { loss } = await model.train(slice)
    found.push({ loss, leaves })
  }
  const [fast, exact] = found
  demand(
    fast !== undefined &&
      exact !== undefined &&
      Math.abs(fast.loss - exact.loss) <= LOSS_TOLERANCE &&
      exact.leaves.every((code, i) => Math.abs(code - (fast.leaves[i] ?? 0)) <= 1),
    'the exact mode against the fast one',
  )
}

async function* exact(context: BenchContext): AsyncGenerator<Found> {
  let checking: Promise<void> | undefined
  // One check for all three: each of them is a part of it.
  const check = async (): Promise<void> => await (checking ??= checkExact(context))
  for (const step of stepKinds(context.compute, context.seed, context.threads).values()) {
    if (!step.metric.startsWith('expert.')) continue
    yield await measureSteps(context, step, check)
  }
}

export const expert: Subject = async function* (context): AsyncGenerator<Found> {
  if (context.backend?.includes(':') === true) {
    context.onBegin('expert.train')
    yield await trainOn(context, context.backend)
    return
  }
  const nano = context.compute.expert.model(NANO, 1n)
  await nano.setText(TEXT)
  const parts = { 'expert.train': train, 'expert.score': score, 'expert.generate': generate }
  for (const [name, measure] of Object.entries(parts)) {
    context.onBegin(name)
    yield await measure(context, nano)
  }
  yield* exact(context)
}
