/**
 * Whether a slice of training that a device did can be one: what it must look like, how far its weights may have moved,
 * and that it predicts its own text no worse. Training it again to compare would cost what the device saved.
 */
import { NodeError } from '../../protocol/errors.ts'
import type { Model, TrainReport } from '../../protocol/ports/compute.ts'
import { readCheckpoint, type CheckpointNumbers } from './checkpoint.ts'
import type { Header } from './frame.ts'

/** Windows of a step, and the highest rate at width 64 (mixture.md 1). */
const BATCH = 32
const RATE = 3e-3
/**
 * With moments of 0.9 and 0.95 the quotient first/√second of any gradients stays below 1.17 (Cauchy-Schwarz), so a step
 * moves a weight by less than this times its rate, and its decay. Moments so small that the floor under the root rules may
 * be rounded to anything.
 */
const QUOTIENT_MAX = 1.2
const DECAY = 0.1
const TINY = 1e-12
/** The gradients' norm is clipped to 1, and no number is larger than the norm. */
const SQUARE_MAX = 1.001
/** Windows that are predicted before and after, and the most bytes of each. */
const SAMPLES = 4
const SAMPLE_BYTES = 256
/** Bits per byte that a slice may cost on them: more than a start at a new text does, less than any weights but learned ones. */
const MARGIN = 1
/** Numbers between two looks at the event loop, about a millisecond. */
const TURN = 2 ** 20

const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

/** Calls `wrong` with each index until one is; in turns. */
async function some(count: number, wrong: (index: number) => boolean): Promise<boolean> {
  for (let from = 0; from < count; from += TURN) {
    for (let i = from; i < Math.min(count, from + TURN); i++) if (wrong(i)) return true
    await nextTurn()
  }
  return false
}

/** Whether the moments can come of gradients with a norm of at most 1. */
async function areMoments({ first, second }: CheckpointNumbers): Promise<boolean> {
  return !(await some(first.length, (i) => {
    const square = second[i] ?? NaN
    return !(square >= 0 && square <= SQUARE_MAX && Math.abs(first[i] ?? NaN) <= QUOTIENT_MAX * Math.sqrt(square) + TINY)
  }))
}

/** Whether a weight went further than `steps` steps carry it. */
async function isTooFar(before: CheckpointNumbers, after: CheckpointNumbers, steps: number, width: number): Promise<boolean> {
  const reach = steps * RATE * Math.sqrt(64 / width)
  for (const [index, old] of before.weights.entries()) {
    const moved = after.weights[index]
    const far = (i: number): boolean => {
      const [from, to] = [old[i] ?? NaN, moved?.[i] ?? NaN]
      return !(Math.abs(to - from) <= reach * (QUOTIENT_MAX + DECAY * Math.max(Math.abs(from), Math.abs(to))) + 1e-6)
    }
    if (moved?.length !== old.length || (await some(old.length, far))) return true
  }
  return false
}

/** Mean bits per byte of windows spread over the text. */
async function sampledBits(model: Model, text: Uint8Array, context: number): Promise<number> {
  const length = Math.min(text.length, context, SAMPLE_BYTES)
  const starts = Array.from({ length: SAMPLES }, (_, i) => Math.floor(((text.length - length) * i) / (SAMPLES - 1)))
  const windows = starts.map((start) => text.subarray(start, start + length))
  const leaves = await model.predict(
    windows,
    windows.map(() => 0),
  )
  let sixteenths = 0
  for (const [index, window] of windows.entries())
    for (let at = 0; at < length; at++) sixteenths += leaves[index]?.[at * 256 + (window[at] ?? 0)] ?? NaN
  return sixteenths / 16 / Math.LN2 / (SAMPLES * length)
}

export interface TrainedSlice {
  /** The answer's own words and its checkpoint. */
  ok: Header
  checkpoint: Uint8Array
  before: Uint8Array
  /** Steps that were asked for, at least one. */
  steps: number
  text: Uint8Array
  width: number
  context: number
}

/** The report where its fields are those of whole steps, one at least and no more than asked; else null. */
function readReport({ ok, steps: most, text, context }: TrainedSlice): TrainReport | null {
  const { steps, bytes, loss, seconds } = ok
  const isNumber = (value: unknown): value is number => typeof value === 'number' && Number.isFinite(value) && value >= 0
  if (!isNumber(steps) || !isNumber(bytes) || !isNumber(loss) || !isNumber(seconds)) return null
  if (!Number.isSafeInteger(steps) || steps < 1 || steps > most) return null
  return bytes === steps * BATCH * Math.min(text.length, context) ? { steps, bytes, loss, seconds } : null
}

/**
 * The report of a slice that stands; else what is wrong with it. `model` has the weights of before, and `scratch`, a model
 * of the same spec, is given those of after.
 */
export async function checkTraining(slice: TrainedSlice, model: Model, scratch: Model): Promise<TrainReport | string> {
  const report = readReport(slice)
  if (report === null) return 'a report of no such slice'
  try {
    await scratch.load(slice.checkpoint)
  } catch (error) {
    // Anything else is this side's trouble, not the device's.
    if (!(error instanceof NodeError && error.code === 'EXPERT_CHECKPOINT')) throw error
    return `a checkpoint that does not load: ${error.message}`
  }
  // What was loaded is all there is: the optimiser's state as well, and nothing beside.
  if (Buffer.compare(await scratch.save(), slice.checkpoint) !== 0) return 'a checkpoint of another form'
  const [before, after] = [readCheckpoint(slice.before), readCheckpoint(slice.checkpoint)]
  if (before === null || after === null) return 'a checkpoint without its state'
  if (after.steps !== before.steps + report.steps) return `${report.steps} steps from ${before.steps} to ${after.steps}`
  // A state that somebody else made may carry weights anywhere; only what it predicts can be judged then.
  if (await areMoments(before)) {
    if (!(await areMoments(after))) return 'moments that no gradients have'
    if (await isTooFar(before, after, report.steps, slice.width)) return `a weight further away than ${report.steps} steps lead`
  }
  const bits = await sampledBits(model, slice.text, slice.context)
  const bitsAfter = await sampledBits(scratch, slice.text, slice.context)
  if (bitsAfter > bits + MARGIN) return `${bitsAfter.toFixed(2)} bits per byte after ${bits.toFixed(2)}`
  return report
}
