/** `taumesh base train`: makes the seed base of a network. */
import { join } from 'node:path'
import { Option, type Command } from 'commander'
import { trainBase } from '../lab/base.ts'
import { prepareCorpus } from '../lab/corpus/prepare.ts'
import { openCompute } from '../node/compute.ts'
import { dataOption, integer, jsonOption } from './flags.ts'
import { print } from './output.ts'
import { progress } from './progress.ts'

interface BaseCommandOptions {
  steps: number
  seed: number
  out?: string
  fast?: boolean
  data: string
  json?: boolean
}

export function baseCommand(program: Command): void {
  program
    .command('base')
    .description('the seed base of a network')
    .command('train')
    .description('train one nano transformer on the text of all domains')
    .addOption(new Option('--steps <n>', 'training steps of 8,192 bytes').argParser(integer(1, 1_000_000)).default(2_000))
    .addOption(new Option('--seed <n>', 'seed of the model').argParser(integer(0, 1_000_000)).default(1))
    .addOption(new Option('--out <folder>', 'where base.safetensors goes (default: the data folder)'))
    .addOption(new Option('--fast', 'about three times as fast, but the same bits on this machine only'))
    .addOption(dataOption())
    .addOption(jsonOption())
    .action(async ({ steps, seed, out, fast, data, json }: BaseCommandOptions) => {
      const compute = openCompute()
      const corpus = await prepareCorpus({ dataFolder: data }, compute)
      const bar = progress('training', steps)
      const onProgress = (done: number, loss: number): void => bar.update(done, `${loss.toFixed(2)} bits/byte`)
      const report = await trainBase(
        { dataFolder: data, corpus, steps, seed, exact: fast !== true, file: join(out ?? data, 'base.safetensors'), onProgress },
        compute,
      )
      bar.stop()
      print(
        json,
        report,
        `${report.file}\nroot ${report.root}\n${report.steps} steps, ${report.loss.toFixed(3)} bits/byte, ${report.seconds.toFixed(0)} s`,
      )
    })
}
