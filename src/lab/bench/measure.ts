/** Timing for people who measure hardware: warm-up, repetitions until a time is over, median and spread. */
import { NodeError } from '../../protocol/errors.ts'
import type { Compute } from '../../protocol/ports/compute.ts'
import type { BenchMetricView, BenchProofView } from '../../protocol/views/bench.ts'

/** What a subject measures with. */
export interface BenchContext {
  compute: Compute
  /** Time of each figure. */
  seconds: number
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
export interface Found {
  metric: Omit<BenchMetricView, 'warnings'>
  proof?: BenchProofView | undefined
}
export type Subject = (context: BenchContext) => AsyncGenerator<Found>

const REPETITIONS_MIN = 3
export const REPETITIONS_MAX = 10_000

/** @throws NodeError LAB_BENCH_WRONG: nothing may be timed whose answer is wrong */
export function demand(holds: boolean, what: string): void {
  if (!holds) throw new NodeError('LAB_BENCH_WRONG', { what })
}

export const quantile = (sorted: readonly number[], q: number): number =>
  sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))] ?? Number.NaN

/** Seconds that `work` takes. */
export async function stopwatch(work: () => unknown): Promise<number> {
  const began = performance.now()
  await work()
  return (performance.now() - began) / 1_000
}

/**
 * Seconds of each repetition, in order. One warm-up run goes before. `between` runs after each repetition outside of the
 * clock and says whether the measurement may end there.
 */
export async function time(
  { seconds, signal, most = REPETITIONS_MAX }: { seconds: number; signal: AbortSignal; most?: number },
  work: () => unknown,
  between: () => unknown = () => true,
): Promise<number[]> {
  await work()
  await between()
  const times: number[] = []
  let spent = 0
  for (let mayEnd = false; times.length < most && !(mayEnd && spent >= seconds && times.length >= REPETITIONS_MIN);) {
    signal.throwIfAborted()
    const took = await stopwatch(work)
    times.push(took)
    spent += took
    mayEnd = (await between()) !== false
  }
  return times
}

/** A figure of `units` per run as a rate, or of the run's seconds when `units` is null. */
export function figure(
  metric: string,
  unit: string,
  times: readonly number[],
  units: number | null,
  where: { backend: string; threads: number },
): Found['metric'] {
  const sorted = times.toSorted((a, b) => a - b)
  const median = quantile(sorted, 0.5)
  const spread = (quantile(sorted, 0.9) - quantile(sorted, 0.1)) / 2 / median
  return {
    metric,
    unit,
    value: units === null ? median : units / median,
    ...where,
    spread,
    checked: true,
    repetitions: times.length,
    seconds: times.reduce((sum, one) => sum + one, 0),
  }
}
