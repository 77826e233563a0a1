/** Figures as round after round adds to them, each with the noise of all its rounds. */
import type { BenchMetricView, BenchNoiseView } from '../../protocol/views/bench.ts'
import { pooled, type Figure } from './measure.ts'
import { betweenRounds } from './spread.ts'
import { percent, warningsOf, type NoiseSince, type NoiseWatch } from './noise.ts'

/**
 * Of `betweenRounds`. On the idle machine 38 of 39 figures stay below; the other is a product of 2,048 rows, whose factors and sums just fit into
 * the last cache, or do not, by where in memory they lie.
 */
const BETWEEN_MAX = 0.1
/**
 * Of a figure's spread; above this a comparison with another run is worth little. Measured by the quartiles of one stretch on 2 cores: on the idle
 * machine epochs of 128 x 4,096 and single bytes generated spread up to 23 % by themselves, products up to 9 %. With both cores kept
 * busy by others every run of consensus (27 % and more), products (36 %) and mixture (48 %) had a figure above; short ones stay
 * narrow even then, and it is the share of other processes that tells.
 */
export const SPREAD_MAX = 0.25

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
    return { load, steal, others, clockFirst, clockLowest, warnings: warningsOf({ steal, others, clock: clockLowest }, clockFirst) }
  }

  #view({ figures, looks }: Kept): BenchMetricView {
    const { rounds, units: _units, ...metric } = pooled(figures)
    const warnings = warningsOf(together(looks), this.#watch.clockFirst)
    const between = betweenRounds(rounds)
    // A spread that is the way between the rounds is said by them.
    if (metric.spread > Math.max(SPREAD_MAX, between)) warnings.push(`spread of ${percent(metric.spread)}`)
    if (between > BETWEEN_MAX) warnings.push(`its rounds lie ${percent(2 * between)} apart`)
    return { ...metric, warnings }
  }
}
