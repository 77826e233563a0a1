/** `taumesh bench`: what this machine hashes, multiplies, scores, trains and verifies per second, each answer checked first. */
import { availableParallelism } from 'node:os'
import { Argument, Option, type Command } from 'commander'
import type { Metric } from '../lab/bench/measure.ts'
import { subjects, type Subject } from '../lab/bench/subjects.ts'
import { openCompute } from '../node/compute.ts'
import { integer, jsonOption } from './flags.ts'
import { print, table } from './output.ts'
import { progress } from './progress.ts'

interface BenchCommandOptions {
  seconds: number
  threads: number
  backend?: string
  json?: boolean
}
const names = Object.keys(subjects) as Subject[]
const prefixes: [number, string][] = [
  [1e9, 'G'],
  [1e6, 'M'],
  [1e3, 'k'],
]

function readable({ value, unit }: Metric): string {
  if (unit === 's') return value < 1 ? `${(value * 1e3).toFixed(2)} ms` : `${value.toFixed(2)} s`
  const [size, prefix] = prefixes.find(([least]) => value >= least) ?? [1, '']
  return `${(value / size).toFixed(2)} ${prefix}${unit}`
}

export function benchCommand(program: Command): void {
  program
    .command('bench')
    .description('measure this machine; answers are checked before they are timed')
    .addArgument(new Argument('[subject]', 'what to measure').choices([...names, 'all']).default('all'))
    .addOption(new Option('--backend <name>', 'one solver alone; see taumesh devices'))
    .addOption(new Option('--threads <n>', 'threads').argParser(integer(1, 1_024)).default(availableParallelism()))
    .addOption(new Option('--seconds <s>', 'time per figure').argParser(integer(1, 600)).default(2))
    .addOption(jsonOption())
    .action(async (subject: Subject | 'all', { seconds, threads, backend, json }: BenchCommandOptions) => {
      const compute = openCompute()
      const found: Metric[] = []
      const bar = progress('measuring', 0)
      for (const name of subject === 'all' ? names : [subject])
        for await (const metric of subjects[name](compute, { seconds, threads, backend })) {
          found.push(metric)
          bar.update(0, metric.metric)
          if (json === true) print(true, metric, '')
        }
      bar.stop()
      if (json !== true)
        print(false, found, () =>
          table(
            ['metric', 'value', 'spread', 'backend', 'threads'],
            found.map((one) => [one.metric, readable(one), `± ${(100 * one.spread).toFixed(1)} %`, one.backend, one.threads]),
          ),
        )
    })
}
