/** Two reports side by side: how much faster the second is, and whether that is more than their own noise. */
import { CLOCK_DROP_MAX } from './noise.ts'
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
export const commonFigures = (before: BenchReportView, after: BenchReportView): [BenchMetricView, BenchMetricView][] =>
  after.metrics.flatMap((one) => {
    const other = before.metrics.find(({ metric, backend, unit }) => metric === one.metric && backend === one.backend && unit === one.unit)
    return other === undefined ? [] : [[other, one] satisfies [BenchMetricView, BenchMetricView]]
  })

/** Both clocks, and one for both where none is clearly the slower: what changed otherwise is the machine. */
function clocksOf({ noise: { clockFirst: before } }: BenchReportView, { noise: { clockFirst: after } }: BenchReportView): [string, string] {
  const alike = Math.min(before, after) >= Math.max(before, after) * (1 - CLOCK_DROP_MAX)
  const text = (ghz: number): string => `${ghz.toFixed(2)} GHz`
  return [text(before), text(alike ? before : after)]
}

/** What disturbed one of both, of the whole run and of figures that are compared. */
function disturbancesOf(before: BenchReportView, after: BenchReportView, figures: [BenchMetricView, BenchMetricView][]): string[] {
  const sides: [string, BenchReportView, BenchMetricView[]][] = [
    ['before', before, figures.map(([one]) => one)],
    ['after', after, figures.map(([, one]) => one)],
  ]
  return sides.flatMap(([side, { noise }, metrics]) => {
    const single = metrics.flatMap(({ metric, backend, warnings }) => warnings.map((one) => `${metric} (${backend}): ${one}`))
    const all = [...noise.warnings, ...single]
    return all.length === 0 ? [] : [`noise ${side}: ${all.join('; ')}`]
  })
}

export function compareReports(before: BenchReportView, after: BenchReportView): BenchComparisonView {
  const figures = commonFigures(before, after)
  const facts: [string, unknown, unknown][] = [
    ['machine', before.machine.id, after.machine.id],
    ['threads', before.settings.threads, after.settings.threads],
    ['seconds', before.settings.seconds, after.settings.seconds],
    ['proofs', before.challenge !== null, after.challenge !== null],
    ['clock', ...clocksOf(before, after)],
    ...figures.map(([a, b]): [string, boolean, boolean] => [`${b.metric} (${b.backend}) checked`, a.checked, b.checked]),
  ]
  const unlike = facts.filter(([, a, b]) => a !== b).map(([what, a, b]) => `${what}: ${String(a)} and ${String(b)}`)
  return { differences: [...unlike, ...disturbancesOf(before, after, figures)], rows: figures.map(([a, b]) => compareMetric(a, b)) }
}
