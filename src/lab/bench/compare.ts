/** Two reports side by side: how much faster the second is, and whether that is more than their own noise. */
import { CLOCK_DROP_MAX } from './noise.ts'
import type { BenchComparisonView, BenchMetricView, BenchReportView } from '../../protocol/views/bench.ts'

/** A difference below this is none, however steady the figures were. */
const DIFFERENCE_MIN = 0.02

type Comparison = BenchComparisonView['rows'][number]

/** Of a proven figure the work alone, as a report without proofs has it. */
export const aloneOf = ({ alone, value }: BenchMetricView): number => alone ?? value

function compareMetric(first: BenchMetricView, second: BenchMetricView): Comparison {
  const { metric, backend, unit } = second
  const [before, after] = [aloneOf(first), aloneOf(second)]
  const ratio = unit === 's' ? before / after : after / before
  const noise = Math.max(DIFFERENCE_MIN, Math.hypot(first.spread, second.spread))
  const verdict = Math.abs(Math.log(ratio)) <= Math.log1p(noise) ? 'same' : ratio > 1 ? 'faster' : 'slower'
  const disturbed = { before: first.warnings, after: second.warnings }
  const warnings = Object.entries(disturbed).flatMap(([side, those]) => those.map((one) => `${side}: ${one}`))
  return { metric, backend, unit, before, after, ratio, noise, verdict, warnings }
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

/** What disturbed one of both as a whole. */
const disturbancesOf = (...sides: [string, BenchReportView][]): string[] =>
  sides.flatMap(([side, { noise }]) => (noise.warnings.length === 0 ? [] : [`noise ${side}: ${noise.warnings.join('; ')}`]))

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
  return {
    differences: [...unlike, ...disturbancesOf(['before', before], ['after', after])],
    rows: figures.map(([a, b]) => compareMetric(a, b)),
  }
}
