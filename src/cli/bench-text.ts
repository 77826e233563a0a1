/** Figures of a measurement as people read them. */
import { aloneOf } from '../lab/bench/compare.ts'
import type { BenchMetricView, BenchReportView, BenchSummaryView } from '../protocol/views/bench.ts'
import { table } from './output.ts'

const prefixes: [number, string][] = [
  [1e12, 'T'],
  [1e9, 'G'],
  [1e6, 'M'],
  [1e3, 'k'],
]
export function readable(value: number, unit: string): string {
  if (unit === 's') return value < 1 ? `${(value * 1e3).toPrecision(4)} ms` : `${value.toFixed(2)} s`
  const [size, prefix] = prefixes.find(([least]) => value >= least) ?? [1, '']
  // 1/s with a prefix reads as M/s.
  return `${(value / size).toFixed(2)} ${prefix}${unit.replace(/^1\//, '/')}`
}
export const percent = (share: number): string => `${(100 * share).toFixed(1)} %`

/** The line of a figure that outside programs read; its keys do not change. */
export const metricLine = ({ metric, unit, value, backend, threads, spread, checked }: BenchMetricView): Record<string, unknown> => ({
  metric,
  unit,
  value,
  backend,
  threads,
  spread,
  checked,
})

export function reportText({ machine, metrics, noise, settings }: BenchReportView): string {
  const rows = metrics.map((one) => [
    one.metric,
    readable(one.value, one.unit),
    `± ${percent(one.spread)}`,
    one.repetitions,
    one.backend,
    one.threads,
    one.warnings.join('; '),
  ])
  const unchecked = metrics.filter(({ checked }) => !checked).map(({ metric }) => metric)
  const checks = `every answer checked before it was timed${unchecked.length === 0 ? '' : `, but for ${unchecked.join(', ')}: left to the verifier`}`
  const memory = `${(machine.memoryBytes / 2 ** 30).toFixed(1)} GiB`
  return [
    `${machine.cpu}, ${machine.cores} cores${machine.virtual ? ' (virtual)' : ''}, ${memory}, ${machine.system}`,
    ...machine.devices
      .filter(({ id }) => id !== 'cpu')
      .map(({ id, name, driver }) => `${id}: ${name}${driver === null ? '' : `, driver ${driver}`}`),
    `taumesh ${machine.version}${machine.commit === null ? '' : ` at ${machine.commit.slice(0, 10)}`}, ${settings.threads} threads, ${settings.seconds} s each; ${checks}`,
    '',
    table(['metric', 'value', 'spread', 'runs', 'backend', 'threads', 'noise'], rows),
    ...(noise.warnings.length === 0 ? [] : ['', `This machine was noisy: ${noise.warnings.join('; ')}. Compare with care.`]),
  ].join('\n')
}

const when = (ms: number): string => new Date(ms).toISOString().slice(0, 19).replace('T', ' ')

/** A line for each report. */
export const reportsText = (reports: readonly BenchSummaryView[]): string =>
  table(
    ['report', 'when (UTC)', 'machine', 'subject', 'figures', 'proofs', 'signed by', 'noise'],
    reports.map((one) => [
      one.id,
      when(one.createdAt),
      one.machine.id,
      one.settings.subject,
      one.metrics.length,
      one.proofCount,
      one.signedBy ?? '-',
      one.noise.warnings.join('; '),
    ]),
  )

/** One metric over the reports, of proven figures the work alone, so that reports with and without proofs make one course. */
export function courseText(reports: readonly BenchSummaryView[], metric: string): string {
  const figures = reports.flatMap((report) => report.metrics.map((figure) => ({ report, figure })))
  const rows = figures
    .filter(({ figure }) => figure.metric === metric)
    .map(({ report, figure }) => [
      report.id,
      when(report.createdAt),
      report.machine.id,
      figure.backend,
      readable(aloneOf(figure), figure.unit),
      `± ${percent(figure.spread)}`,
      figure.warnings.join('; '),
    ])
  const known = new Set(figures.map(({ figure }) => figure.metric))
  if (rows.length === 0) return `no report has ${metric}; there are ${[...known].toSorted().join(', ')}`
  return table(['report', 'when (UTC)', 'machine', 'backend', 'value', 'spread', 'noise'], rows)
}
