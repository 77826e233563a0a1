/** Timing for people who measure hardware: warm-up, repetitions until a time is over, median and spread. */

export interface Metric {
  metric: string
  unit: string
  /** Median over the repetitions. */
  value: number
  backend: string
  threads: number
  /** Half the range between the 10 % and 90 % quantiles, as a share of the median. */
  spread: number
  /** The answer was right, on the very input that was timed. */
  checked: boolean
}
export interface BenchOptions {
  seconds: number
  threads: number
  backend?: string | undefined
}

const REPETITIONS_MIN = 3
const REPETITIONS_MAX = 10_000

const quantile = (sorted: readonly number[], q: number): number =>
  sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))] ?? Number.NaN

/** Seconds per run of `work`, each repetition; one warm-up run goes before. */
export async function time(work: () => unknown, seconds: number): Promise<number[]> {
  await work()
  const times: number[] = []
  const end = performance.now() + seconds * 1_000
  while (times.length < REPETITIONS_MIN || (performance.now() < end && times.length < REPETITIONS_MAX)) {
    const began = performance.now()
    await work()
    times.push((performance.now() - began) / 1_000)
  }
  return times.sort((a, b) => a - b)
}

/** A metric of `units` per run as a rate, or of the run's seconds when `units` is null. */
export function metric(
  name: string,
  unit: string,
  times: readonly number[],
  units: number | null,
  where: { backend: string; threads: number; checked: boolean },
): Metric {
  const median = quantile(times, 0.5)
  const spread = (quantile(times, 0.9) - quantile(times, 0.1)) / 2 / median
  return { metric: name, unit, value: units === null ? median : units / median, ...where, spread }
}
