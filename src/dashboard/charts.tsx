/** Quality of the mixture, emission, difficulty and total stake over time. */
import { Chart } from './chart.tsx'
import { bits } from './format.ts'
import type { Live } from './live.ts'

/** A step of one validator is noisy (a few hundred bytes per domain): the line is a running mean. */
function smooth(values: number[]): number[] {
  let mean = values[0] ?? 0
  return values.map((value, i) => (mean += (value - mean) / Math.min(i + 1, 8)))
}

export function Charts({ live, netuid }: { live: Live; netuid: number }) {
  const { quality, history } = live
  const epochs = live.epochs.toReversed()
  const market = (point: (typeof history)[number]): (typeof history)[number]['markets'][number] | undefined =>
    point.markets.find((one) => one.netuid === netuid)
  const heights = history.map(({ height }) => height)
  const last = quality.at(-1)
  return (
    <section aria-labelledby="charts">
      <h2 id="charts">
        How it goes{' '}
        {last === undefined ? null : (
          <small>
            last step: mixture {bits(last.network)}, best single {bits(last.bestSingle)}, uniform {bits(last.uniform)} bits per byte
          </small>
        )}
      </h2>
      <div class="grid">
        <Chart
          title="Quality of the mixture"
          unit="bits per byte on held-out text, less is better"
          xs={quality.map((_, i) => i + 1)}
          axis="step"
          lines={[
            { label: 'mixture', colour: 'var(--accent)', values: smooth(quality.map((point) => point.network)) },
            { label: 'best single', colour: 'var(--second)', values: smooth(quality.map((point) => point.bestSingle)), dash: [6, 3] },
            { label: 'uniform', colour: 'var(--third)', values: smooth(quality.map((point) => point.uniform)), dash: [2, 3] },
          ]}
        />
        <Chart
          title="Emission paid"
          unit="τ per epoch"
          xs={epochs.map(({ height }) => height)}
          axis="height"
          lines={[{ label: 'τ', colour: 'var(--accent)', values: epochs.map(({ paid }) => Number(paid) / 1e9) }]}
        />
        <Chart
          title="Difficulty"
          unit="hashes expected per seal"
          xs={heights}
          axis="height"
          lines={[{ label: 'difficulty', colour: 'var(--second)', values: history.map((point) => Number(market(point)?.difficulty ?? 0)) }]}
        />
        <Chart
          title="Total stake"
          unit="τ"
          xs={heights}
          axis="height"
          lines={[{ label: 'τ', colour: 'var(--third)', values: history.map(({ totalStake }) => Number(totalStake) / 1e9) }]}
        />
      </div>
    </section>
  )
}
