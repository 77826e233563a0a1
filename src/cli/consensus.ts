/** `taumesh consensus epoch`: scores epochs from a file, bit for bit as the ledger does. */
import type { Command } from 'commander'
import { epochInputsFromJson, epochOutputToJson } from '../protocol/epoch-json.ts'
import { openCompute } from '../node/compute.ts'
import { jsonOption, readJsonFile } from './flags.ts'
import { print } from './output.ts'

export function consensusCommand(program: Command): void {
  program
    .command('consensus')
    .description('consensus scoring')
    .command('epoch')
    .description('compute the outputs of epochs')
    .requiredOption('--input <file>', 'JSON (plain or gzip): a list of {input} as in the vectors, or of inputs')
    .addOption(jsonOption())
    .action(({ input, json }: { input: string; json?: boolean }) => {
      const { consensus } = openCompute()
      const outputs = epochInputsFromJson(readJsonFile(input)).map((one) => epochOutputToJson(consensus.epoch(one)))
      print(json, outputs, () => `${outputs.length} epochs computed; --json prints their outputs`)
    })
}
