/** The README's table of measured figures: made of measured JSON alone, between two markers. */
import type { BenchMetricView, BenchReportView } from '../src/protocol/views/bench.ts'
import type { Comparison } from './compare/contest.ts'

/** One thing done by several programs; `seconds` is the median of a run. */
export interface Race {
  subject: string
  runners: { name: string; seconds: number; spread: number }[]
}
export interface Results {
  /** The commands that measured, as they were typed. */
  commands: string[]
  report: Omit<BenchReportView, 'proofs' | 'signature' | 'challenge'>
  races: Race[]
  /** OpenBLAS and PyTorch on the same cores, or why they were not asked. */
  rivals: Pick<Comparison, 'versions' | 'results'> | { leftOut: string }
}

export const [BEGIN, END] = ['<!-- measured: begin (node bench/table.ts writes this part) -->', '<!-- measured: end -->']

const prefixes: [number, string][] = [
  [1e12, 'T'],
  [1e9, 'G'],
  [1e6, 'M'],
  [1e3, 'k'],
]
const seconds = (value: number): string =>
  value < 1e-3 ? `${(value * 1e6).toPrecision(3)} µs` : value < 1 ? `${(value * 1e3).toPrecision(4)} ms` : `${value.toFixed(2)} s`
function readable(value: number, unit: string): string {
  if (unit === 's') return seconds(value)
  const [size, prefix] = prefixes.find(([least]) => value >= least) ?? [1, '']
  return `${(value / size).toPrecision(4)} ${prefix}${unit.replace(/^1\//, '/')}`
}
const percent = (share: number): string => `± ${(100 * share).toFixed(1)} %`

/** A table of GitHub's Markdown, its columns padded as the formatter wants them. */
function table(head: string[], rows: string[][]): string {
  const cells = [head, ...rows].map((row) => row.map((cell) => cell.replaceAll('|', '\\|')))
  const widths = head.map((_, i) => Math.max(3, ...cells.map((row) => row[i]?.length ?? 0)))
  const line = (row: string[]): string => `| ${row.map((cell, i) => cell.padEnd(widths[i] ?? 0)).join(' | ')} |`
  const [first = [], ...rest] = cells
  return [line(first), line(widths.map((width) => '-'.repeat(width))), ...rest.map(line)].join('\n')
}

/** Behind a figure that something disturbed; what it was stands below its table. */
const MARK = '†'
const marked = (text: string, { warnings }: { warnings: readonly string[] }): string => (warnings.length === 0 ? text : `${text} ${MARK}`)

/** A table of figures, and below it what disturbed which. */
function withWarnings<T extends { warnings: readonly string[] }>(
  text: string,
  figures: readonly T[],
  nameOf: (figure: T) => string,
): string {
  const each = figures.flatMap((one) => (one.warnings.length === 0 ? [] : [`${nameOf(one)}: ${one.warnings.join(', ')}`]))
  return each.length === 0 ? text : `${text}\n\n${MARK} ${each.join('; ')}.`
}

const metricName = ({ metric, backend }: BenchMetricView): string => `\`${metric}\` (${backend})`

const PRODUCT = /^matmul\.(\w+)\.(\d+)$/

function metricsTable(metrics: BenchMetricView[]): string {
  return table(
    ['metric', 'median', 'spread', 'runs', 'backend', 'threads'],
    metrics.map((one, i) => [
      one.metric === metrics[i - 1]?.metric ? '' : `\`${one.metric}\``,
      readable(one.value, one.unit),
      marked(percent(one.spread), one),
      String(one.repetitions),
      one.backend,
      one.threads === 0 ? '-' : String(one.threads),
    ]),
  )
}

/** Products, a row per device and format, a column per size. */
function productsTable(metrics: BenchMetricView[]): string {
  const found = metrics.flatMap((one) => {
    const [, dtype = '', n = ''] = PRODUCT.exec(one.metric) ?? []
    return dtype === '' ? [] : [{ dtype, n: Number(n), ...one }]
  })
  const sizes = [...new Set(found.map(({ n }) => n))].toSorted((a, b) => a - b)
  const kinds = Map.groupBy(found, ({ backend, dtype }) => `${dtype}, ${backend}`)
  return table(
    ['`matmul`', ...sizes.map((n) => `n = ${n}`)],
    [...kinds].map(([kind, those]) => [
      kind,
      ...sizes.map((n) => {
        const one = those.find((each) => each.n === n)
        return one === undefined ? '-' : marked(`${readable(one.value, one.unit)} ${percent(one.spread)}`, one)
      }),
    ]),
  )
}

/** Contenders as readers know them, in the order of the columns. */
const CONTENDERS = {
  taumesh: 'addon',
  'taumesh copied': 'addon, factors copied',
  'taumesh exact': 'addon, exact mode',
  numpy: 'OpenBLAS (NumPy)',
  torch: 'PyTorch',
}

const contestName = ({ name, threads }: Comparison['results'][number]): string => `\`${name}\` on ${threads} threads`

/** A row per contest; a contender who did not take part has no figure, and one who took part nowhere no column. */
function rivalsTable({ results }: Pick<Comparison, 'results'>): string {
  const present = new Set(results.flatMap(({ standings }) => standings.map(({ name }) => name)))
  const columns = Object.entries(CONTENDERS).filter(([name]) => present.has(name))
  return table(
    ['side by side', 'threads', ...columns.map(([, title]) => title), 'addon / best rival'],
    results.map(({ name, threads, unit, standings, ratio, warnings }) => [
      `\`${name}\``,
      String(threads),
      ...columns.map(([who]) => {
        const one = standings.find((each) => each.name === who)
        return one === undefined ? '-' : `${readable(one.rate, unit)} ${percent(one.spread)}`
      }),
      marked(ratio?.toFixed(2) ?? '-', { warnings }),
    ]),
  )
}

/** Each race in one row per runner; the first runner is the addon, the others stand beside it. */
function racesTable({ races }: Results): string {
  const rows = races.flatMap(({ subject, runners }) =>
    runners.map((one, i) => [
      i === 0 ? subject : '',
      one.name,
      seconds(one.seconds),
      percent(one.spread),
      i === 0 ? '1' : (one.seconds / (runners[0]?.seconds ?? Number.NaN)).toPrecision(3),
    ]),
  )
  return table(['what', 'by', 'median', 'spread', 'times as long'], rows)
}

const rivalsText = (rivals: Results['rivals']): string =>
  'leftOut' in rivals
    ? `OpenBLAS and PyTorch are left out: ${rivals.leftOut}.`
    : `Rivals on the same cores in the same run: ${Object.entries(rivals.versions)
        .map(([name, version]) => `${name} ${version}`)
        .join('; ')}.`

function checksText(metrics: readonly BenchMetricView[]): string {
  const unchecked = metrics.filter(({ checked }) => !checked).map(({ metric }) => `\`${metric}\``)
  return `Every answer was checked before it was timed${unchecked.length === 0 ? '' : `, but for ${unchecked.join(', ')}: left to the verifier`}.`
}

/** The text between the markers. */
export function measuredText(results: Results): string {
  const { machine, settings, createdAt, noise, metrics } = results.report
  const [products, others] = [metrics.filter(({ metric }) => PRODUCT.test(metric)), metrics.filter(({ metric }) => !PRODUCT.test(metric))]
  const warnings = noise.warnings.length === 0 ? '' : ` The machine was noisy: ${noise.warnings.join('; ')}.`
  const devices = machine.devices
    .filter(({ id }) => id !== 'cpu')
    .map(({ id, name, driver }) => `${id} is ${name}${driver === null ? '' : ` (driver ${driver})`}`)
  return [
    `Measured on ${new Date(createdAt).toISOString().slice(0, 10)} at commit \`${machine.commit?.slice(0, 12) ?? 'unknown'}\` on ${machine.cpu}, ${machine.cores} cores${machine.virtual ? ' of a virtual machine' : ''}, ${(machine.memoryBytes / 2 ** 30).toFixed(0)} GiB, ${machine.system}, Node ${machine.node}; clock ${noise.clockFirst.toFixed(2)} GHz.${devices.length === 0 ? '' : ` ${devices.join('; ')}.`}${warnings}`,
    `Commands: ${results.commands.map((one) => `\`${one}\``).join(', ')}; ${settings.seconds} s for each figure. ${checksText(metrics)}`,
    rivalsText(results.rivals),
    '',
    withWarnings(metricsTable(others), others, metricName),
    '',
    ...(products.length === 0 ? [] : [withWarnings(productsTable(products), products, metricName), '']),
    ...('results' in results.rivals ? [withWarnings(rivalsTable(results.rivals), results.rivals.results, contestName), ''] : []),
    ...(results.races.length === 0 ? [] : [racesTable(results), '']),
  ].join('\n')
}

/** The README with the part between the markers replaced. @throws Error when the markers are not there once each, in order */
export function withMeasured(readme: string, results: Results): string {
  const [before, rest, more] = readme.split(BEGIN)
  const [, after, again] = rest?.split(END) ?? []
  if (before === undefined || after === undefined || more !== undefined || again !== undefined)
    throw new Error(`the README needs one ${BEGIN} and one ${END} behind it`)
  return `${before}${BEGIN}\n\n${measuredText(results)}\n${END}${after}`
}
