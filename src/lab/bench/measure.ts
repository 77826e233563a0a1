/** Timing for people who measure hardware: warm-up, repetitions until a time is over, in rounds. */
import { setImmediate } from 'node:timers/promises'
import { NodeError } from '../../protocol/errors.ts'
import type { Compute, LongCall } from '../../protocol/ports/compute.ts'
import type { BenchMetricView, BenchProofView } from '../../protocol/views/bench.ts'
import { medianOf, spreadOf } from './spread.ts'

/** What a subject measures with. */
export interface BenchContext {
  compute: Compute
  /** Time of each figure in this round. */
  seconds: number
  /** Of the rounds that a figure is measured in, from 0; answers are checked in the first. */
  round: number
  threads: number
  /** One solver or device alone. */
  backend: string | undefined
  /** All inputs follow from these 32 bytes: a verifier's challenge, or zeros. */
  seed: Uint8Array
  /** Whether a verifier asked: then what is timed leaves proofs. */
  prove: boolean
  signal: AbortSignal
  /** Told when a figure begins. */
  onBegin: (metric: string) => void
}
/** A figure with what it was made of. */
export interface Figure extends Omit<BenchMetricView, 'warnings'> {
  /** Seconds of each repetition, by round. */
  rounds: readonly (readonly number[])[]
  /** Work of a repetition; null when the figure is its time. */
  units: number | null
}
export interface Found {
  metric: Figure
  proof?: BenchProofView | undefined
}
export type Subject = (context: BenchContext) => AsyncGenerator<Found>

/** Where the way to a device takes longer than its work, a figure may take this many times its seconds. */
const STRETCH = 4
export const REPETITIONS_MAX = 10_000

/** @throws NodeError LAB_BENCH_WRONG: nothing may be timed whose answer is wrong */
export function demand(holds: boolean, what: string): void {
  if (!holds) throw new NodeError('LAB_BENCH_WRONG', { what })
}

/**
 * Options of calls that a device is measured by: when it is lost the CPU would do its work, which is no figure of the device.
 * `check` throws then. @throws NodeError LAB_BENCH_DEVICE
 */
export function onDevice(device: string, signal: AbortSignal): { options: LongCall; check: () => void } {
  let lost: string | null = null
  return {
    options: { signal, onFallback: (reason) => (lost = reason) },
    check() {
      if (lost !== null) throw new NodeError('LAB_BENCH_DEVICE', { device, reason: lost })
    },
  }
}

/** Where work is proven all of its time counts, so that it alone decides when there was enough. */
export const PROVEN_STRETCH = 1

/** Seconds that `work` takes. */
export async function stopwatch(work: () => unknown): Promise<number> {
  const began = performance.now()
  await work()
  return (performance.now() - began) / 1_000
}

/** How long to repeat: the timed work takes `seconds` then, or all of it `stretch` times as long; `most` repetitions. */
interface Until {
  seconds: number
  signal: AbortSignal
  most?: number
  stretch?: number
}

/** How long short repetitions may follow each other without a turn of the event loop, in which memory of earlier ones is given back. */
const BREATHLESS_MS = 8

/**
 * Seconds of each repetition, in order. One warm-up run goes before. `between` runs after each repetition outside of the
 * clock and says whether the measurement may end there. `own` gives a repetition's time where the work knows better.
 */
export async function time(
  { seconds, signal, most = REPETITIONS_MAX, stretch = STRETCH }: Until,
  work: () => unknown,
  between: () => unknown = () => true,
  own?: () => number | undefined,
): Promise<number[]> {
  await work()
  await between()
  const times: number[] = []
  const began = performance.now()
  let [spent, mayEnd, turned] = [0, false, began]
  const over = (): boolean => spent >= seconds || performance.now() - began >= 1_000 * stretch * seconds
  while (times.length < most && !(mayEnd && over() && times.length > 0)) {
    signal.throwIfAborted()
    const wall = await stopwatch(work)
    const took = own?.() ?? wall
    times.push(took)
    spent += took
    mayEnd = (await between()) !== false
    if (performance.now() - turned < BREATHLESS_MS) continue
    await setImmediate()
    turned = performance.now()
  }
  return times
}

/** The same figure of several rounds, at least one, as one figure. */
export function pooled(figures: readonly [Figure, ...Figure[]]): Figure {
  const [first] = figures
  if (figures.length === 1) return first
  const rounds = figures.flatMap((one) => one.rounds)
  return { ...first, ...valueOf(rounds, first.units), seconds: figures.reduce((sum, { seconds }) => sum + seconds, 0) }
}

function valueOf(rounds: Figure['rounds'], units: number | null): Pick<Figure, 'rounds' | 'units' | 'value' | 'spread' | 'repetitions'> {
  const times = rounds.flat()
  const median = medianOf(times)
  return { rounds, units, value: units === null ? median : units / median, spread: spreadOf(rounds), repetitions: times.length }
}

/** A figure of one round: of `units` per run as a rate, or of the run's seconds when `units` is null. */
export function figure(
  metric: string,
  unit: string,
  times: readonly number[],
  units: number | null,
  where: { backend: string; threads: number },
): Figure {
  const seconds = times.reduce((sum, one) => sum + one, 0)
  return { metric, unit, ...where, checked: true, seconds, ...valueOf([times], units) }
}

/**
 * The figure that a verifier gets: all work by all time, what lay between the repetitions included, since nobody can check a
 * clock that stops in between. The figure without that goes along as a claim. `units` as for `figure`.
 */
export function wholeFigure(metric: Figure, seconds: number, units: number | null): Figure {
  const value = units === null ? seconds / metric.repetitions : (units * metric.repetitions) / seconds
  return { ...metric, value, seconds, alone: metric.value }
}
