/** `taumesh lab`: experiments that run the real code and print tables. */
import { Argument, Option, type Command } from 'commander'
import { prepareCorpus } from '../lab/corpus/prepare.ts'
import { mixtureExperiment } from '../lab/mixture.ts'
import { openCompute } from '../node/compute.ts'
import { dataOption, integer, jsonOption } from './flags.ts'
import { print, table } from './output.ts'
import { progress } from './progress.ts'

interface LabOptions {
  size: 'mini' | 'full'
  seed: number
  data: string
  json?: boolean
}

async function mixture({ size, seed, data, json }: LabOptions): Promise<void> {
  const compute = openCompute()
  const corpus = await prepareCorpus({ dataFolder: data }, compute)
  const bar = progress('training eight experts', size === 'mini' ? 2_000 : 6_000)
  const report = await mixtureExperiment(
    { dataFolder: data, corpus, size, seed, onProgress: (done, _total, note) => bar.update(done, note) },
    compute,
  )
  bar.stop()
  print(json, report, () =>
    [
      table(
        ['bits per byte', ''],
        [
          ['mixture', report.network.toFixed(3)],
          ['best single expert', report.best_single.toFixed(3)],
          ['uniform average', report.uniform.toFixed(3)],
          ["each domain's own expert", report.oracle_domain.toFixed(3)],
          ['public fallback', report.fallback.toFixed(3)],
          ['zstd 19, primed with the own domain', report.anchor_zstd.toFixed(3)],
        ],
      ),
      '',
      table(
        ['row', 'value', 'floor', ''],
        report.rows.map((one) => [one.row, one.value.toFixed(3), one.floor ?? '-', one.pass === null ? '' : one.pass ? 'pass' : 'FAIL']),
      ),
      '',
      `${report.bytes} held-out bytes, ${report.seconds.toFixed(0)} s, manifest ${report.manifest.slice(0, 16)}`,
    ].join('\n'),
  )
  if (report.rows.some(({ pass }) => pass === false)) process.exitCode = 1
}

export function labCommand(program: Command): void {
  program
    .command('lab')
    .description('run an experiment on the real code')
    .addArgument(new Argument('<experiment>', 'which').choices(['mixture']))
    .addOption(new Option('--size <size>', 'mini takes minutes, full hours').choices(['mini', 'full']).default('mini'))
    .addOption(new Option('--seed <n>', 'seed of the models').argParser(integer(0, 1_000_000)).default(1))
    .addOption(dataOption())
    .addOption(jsonOption())
    .action(async (_experiment: string, options: LabOptions) => await mixture(options))
}
