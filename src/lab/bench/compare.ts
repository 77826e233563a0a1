/** Two reports side by side: how much faster the second is, and whether that is more than their own noise. */
import type { BenchComparisonView, BenchMetricView, BenchReportView } from '../../protocol/views/bench.ts'

/** A difference below this is none, however steady the figures were. */
const DIFFERENCE_MIN = 0.02

type Comparison = BenchComparisonView['rows'][number]

/** Of a proven figure the work alone, as a report without proofs has it. */
const aloneOf = ({ alone, value }: BenchMetricView): number => alone ?? value

function compareMetric(first: BenchMetricView, second: BenchMetricView): Comparison {
  const { metric, backend, unit } = second
  const [before, after] = [aloneOf(first), aloneOf(second)]
  const ratio = unit === 's' ? before / after : after / before
  const noise = Math.max(DIFFERENCE_MIN, Math.hypot(first.spread, second.spread))
  const verdict = Math.abs(Math.log(ratio)) <= Math.log1p(noise) ? 'same' : ratio > 1 ? 'faster' : 'slower'
  return { metric, backend, unit, before, after, ratio, noise, verdict }
}

/** The figures that both have, in the order of the second. */
export function compareReports(before: BenchReportView, after: BenchReportView): BenchComparisonView {
  const facts: [string, unknown, unknown][] = [
    ['machine', before.machine.id, after.machine.id],
    ['threads', before.settings.threads, after.settings.threads],
    ['seconds', before.settings.seconds, after.settings.seconds],
    ['proofs', before.challenge !== null, after.challenge !== null],
  ]
  const rows = after.metrics.flatMap((one) => {
    const other = before.metrics.find(({ metric, backend, unit }) => metric === one.metric && backend === one.backend && unit === one.unit)
    return other === undefined ? [] : [compareMetric(other, one)]
  })
  return { differences: facts.filter(([, a, b]) => a !== b).map(([what, a, b]) => `${what}: ${String(a)} and ${String(b)}`), rows }
}
