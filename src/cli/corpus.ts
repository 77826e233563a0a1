/** `taumesh corpus`: prepares the demonstration text of the local network. */
import type { Command } from 'commander'
import { prepareCorpus } from '../lab/corpus/prepare.ts'
import { openCompute } from '../node/compute.ts'
import { dataOption, jsonOption } from './flags.ts'
import { print, table } from './output.ts'
import { progress } from './progress.ts'

export function corpusCommand(program: Command): void {
  program
    .command('corpus')
    .description('prepare the demonstration text (eight domains, from installed packages)')
    .addOption(dataOption())
    .addOption(jsonOption())
    .action(async ({ data, json }: { data: string; json?: boolean }) => {
      const bar = progress('preparing text', 8)
      let domain = 0
      const onDomain = (name: string): void => bar.update(domain++, name)
      const summary = await prepareCorpus({ dataFolder: data, onDomain }, { expert: openCompute().expert })
      bar.stop()
      print(json, summary, () =>
        [
          table(
            ['domain', 'train', 'validation', 'test'],
            summary.domains.map(({ name, bytes }) => [name, bytes.train, bytes.validation, bytes.test]),
          ),
          '',
          `manifest root ${summary.root}`,
          `fallback root ${summary.fallbackRoot}`,
        ].join('\n'),
      )
    })
}
