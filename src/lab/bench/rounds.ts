/** Figures as round after round adds to them, each with the noise of all its rounds. */
import type { BenchMetricView, BenchNoiseView } from '../../protocol/views/bench.ts'
import { pooled, type Figure } from './measure.ts'
import { betweenRounds } from './spread.ts'
import { warningsOf, type NoiseSince, type NoiseWatch } from './noise.ts'

/**
 * Of `betweenRounds`. On the idle machine 38 of 39 figures stay below; the other is a product of 2,048 rows, whose factors and sums just fit into
 * the last cache, or do not, by where in memory they lie.
 */
const BETWEEN_MAX = 0.1

interface Kept {
  figures: [Figure, ...Figure[]]
  looks: NoiseSince[]
}

const meanOf = (values: (number | null)[]): number | null => {
  const known = values.filter((one) => one !== null)
  return known.length === 0 ? null : known.reduce((sum, one) => sum + one, 0) / known.length
}
/** What was taken away in the mean, and the lowest clock. */
const together = (looks: readonly NoiseSince[]): NoiseSince => ({
  steal: meanOf(looks.map(({ steal }) => steal)),
  others: meanOf(looks.map(({ others }) => others)),
  clock: Math.min(...looks.map(({ clock }) => clock)),
})

export class Rounds {
  readonly #kept = new Map<string, Kept>()
  readonly #watch: NoiseWatch

  constructor(watch: NoiseWatch) {
    this.#watch = watch
  }

  /** Adds a round that ends now. @returns the figure as it stands */
  add(figure: Figure): BenchMetricView {
    const look = this.#watch.look()
    const key = `${figure.metric} ${figure.backend}`
    const before = this.#kept.get(key)
    const kept: Kept =
      before === undefined ? { figures: [figure], looks: [look] } : { figures: [...before.figures, figure], looks: [...before.looks, look] }
    this.#kept.set(key, kept)
    return this.#view(kept)
  }

  /** All figures, in the order in which they came first. */
  metrics(): BenchMetricView[] {
    return [...this.#kept.values()].map((one) => this.#view(one))
  }

  /** Of the whole run. */
  noise(): BenchNoiseView {
    const { load, clockFirst } = this.#watch
    const { steal, others, clock } = together([...this.#kept.values()].flatMap(({ looks }) => looks))
    const clockLowest = Math.min(clockFirst, clock)
    return { load, steal, others, clockFirst, clockLowest, warnings: warningsOf({ steal, others, clock: clockLowest }, clockFirst, 0) }
  }

  #view({ figures, looks }: Kept): BenchMetricView {
    const { rounds, units: _units, ...metric } = pooled(figures)
    const warnings = warningsOf(together(looks), this.#watch.clockFirst, metric.spread)
    const between = betweenRounds(rounds)
    if (between > BETWEEN_MAX) warnings.push(`its rounds lie ${(200 * between).toFixed(1)} % apart`)
    return { ...metric, warnings }
  }
}
