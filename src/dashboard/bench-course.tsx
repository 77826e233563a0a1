/** One metric over the reports: whether this machine, or this program on it, became faster. */
import { useState } from 'preact/hooks'
import type { BenchMetricView, BenchSummaryView } from '../protocol/views/bench.ts'
import { Chart } from './chart.tsx'
import { lineLook } from './colours.ts'
import { scaleOf } from './format.ts'

/** Of a proven figure the work alone, so that reports with and without proofs make one line. */
const aloneOf = ({ alone, value }: BenchMetricView): number => alone ?? value
const PREFERRED = 'pow.hashrate'

export function BenchCourse({ reports }: { reports: BenchSummaryView[] }) {
  const oldestFirst = reports.toReversed()
  const figures = oldestFirst.flatMap(({ metrics }) => metrics)
  const names = [...new Set(figures.map(({ metric }) => metric))].sort()
  const [wanted, setWanted] = useState(PREFERRED)
  const metric = names.includes(wanted) ? wanted : (names[0] ?? '')
  const those = figures.filter((one) => one.metric === metric)
  const [size, unit] = scaleOf(Math.max(0, ...those.map(aloneOf)), those[0]?.unit ?? '')
  const having = oldestFirst.filter(({ metrics }) => metrics.some((one) => one.metric === metric))
  const backends = [...new Set(those.map(({ backend }) => backend))]
  const valueOf = ({ metrics }: { metrics: BenchMetricView[] }, backend: string): number | null => {
    const found = metrics.find((one) => one.metric === metric && one.backend === backend)
    return found === undefined ? null : aloneOf(found) / size
  }
  return (
    <section aria-labelledby="course">
      <h2 id="course">Over time</h2>
      {names.length === 0 ? (
        <p class="note">The first report begins the chart.</p>
      ) : (
        <>
          <label>
            metric{' '}
            <select value={metric} onChange={(event) => setWanted(event.currentTarget.value)}>
              {names.map((one) => (
                <option key={one}>{one}</option>
              ))}
            </select>
          </label>
          <Chart
            key={`${metric} ${backends.join()}`}
            title={metric}
            unit={`${unit}${unit.endsWith('s') && !unit.includes('/') ? ', less is better' : ', more is better'}, report by report`}
            xs={having.map((_, i) => i + 1)}
            axis="report"
            points
            lines={backends.map((backend, i) => ({
              label: backend,
              ...lineLook(i),
              values: having.map((report) => valueOf(report, backend)),
            }))}
          />
        </>
      )}
    </section>
  )
}
