/** `taumesh bench history` and `compare`: the reports of this machine, and two of them side by side. */
import { existsSync } from 'node:fs'
import { Option, type Command } from 'commander'
import { compareReports } from '../lab/bench/compare.ts'
import { history, readReportFile } from '../lab/bench/history.ts'
import { openCompute } from '../node/compute.ts'
import type { BenchComparisonView } from '../protocol/views/bench.ts'
import { courseText, percent, readable, reportsText } from './bench-text.ts'
import { dataOption, integer, jsonOption } from './flags.ts'
import { print, table } from './output.ts'

interface HistoryOptions {
  data: string
  limit: number
  metric?: string
  json?: boolean
}

function list({ data, limit, metric, json }: HistoryOptions): void {
  const found = history(data, openCompute().signature).list(limit)
  print(json, found, () => {
    if (found.length === 0) return `no reports in ${data}/bench: run taumesh bench`
    return metric === undefined ? reportsText(found) : courseText(found, metric)
  })
}

const compareText = ({ differences, rows }: BenchComparisonView): string =>
  [
    ...differences.map((one) => `not alike: ${one}`),
    rows.length === 0
      ? 'they have no figure in common'
      : table(
          ['metric', 'backend', 'before', 'after', 'times as fast', 'noise', 'verdict', 'disturbed'],
          rows.map((one) => [
            one.metric,
            one.backend,
            readable(one.before, one.unit),
            readable(one.after, one.unit),
            one.ratio.toFixed(3),
            `± ${percent(one.noise)}`,
            one.verdict === 'same' ? 'within noise' : one.verdict,
            one.warnings.join('; '),
          ]),
        ),
  ].join('\n')

export function benchHistoryCommands(bench: Command): void {
  bench
    .command('history')
    .description('the reports that are kept, newest first')
    .addOption(new Option('--limit <n>', 'how many').argParser(integer(1, 1_000)).default(20))
    .addOption(new Option('--metric <name>', 'the course of one metric'))
    .addOption(dataOption())
    .addOption(jsonOption())
    .action(list)
  bench
    .command('compare')
    .description('two reports side by side: files, ids, latest or previous')
    .argument('[before]', 'the older one; previous: of the same machine, with figures in common', 'previous')
    .argument('[after]', 'the newer one', 'latest')
    .addOption(dataOption())
    .addOption(jsonOption())
    .action((before: string, after: string, { data, json }: { data: string; json?: boolean }) => {
      const kept = history(data, openCompute().signature)
      const second = existsSync(after) ? readReportFile(after) : kept.find(after)
      const first = existsSync(before) ? readReportFile(before) : kept.find(before, second)
      const found = compareReports(first, second)
      print(json, found, () => compareText(found))
    })
}
