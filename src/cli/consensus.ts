/** `taumesh consensus`: scores epochs from a file bit for bit as the ledger does, and variants of one. */
import type { Command } from 'commander'
import { movements } from '../lab/what-if.ts'
import { NodeError } from '../protocol/errors.ts'
import { epochInputsFromJson, epochOutputToJson } from '../protocol/epoch-json.ts'
import { variantsFromJson } from '../protocol/variant-json.ts'
import { openCompute } from '../node/compute.ts'
import { jsonOption, readJsonFile } from './flags.ts'
import { print, table, tau } from './output.ts'
import { progress } from './progress.ts'

async function whatIf({ input, variants, json }: { input: string; variants: string; json?: boolean }): Promise<void> {
  const inputs = epochInputsFromJson(readJsonFile(input))
  const [epoch] = inputs
  if (!epoch || inputs.length > 1) throw new NodeError('CLI_FILE', { path: input, detail: `it holds ${inputs.length} epochs, not one` })
  const named = variantsFromJson(readJsonFile(variants))
  const bar = progress('variants', named.length + 1)
  const stop = new AbortController()
  process.once('SIGINT', () => stop.abort())
  try {
    // The first one changes nothing: what the others are compared with.
    const { consensus } = openCompute()
    const all = [{}, ...named.map(({ variant }) => variant)]
    const call = { signal: stop.signal, onProgress: (done: number) => bar.update(done) }
    if (json === true) {
      const outputs = await consensus.whatIf(epoch, all.slice(1), call)
      bar.stop()
      print(
        json,
        outputs.map((output, i) => ({ name: named[i]!.name, output: epochOutputToJson(output) })),
        '',
      )
      return
    }
    const [base, ...outputs] = await consensus.whatIf(epoch, all, { ...call, fields: ['incentive', 'dividends', 'emission'] })
    bar.stop()
    const rows = movements(
      base!,
      outputs.map((output, i) => ({ name: named[i]!.name, output })),
    ).map(({ name, incentiveMoved, dividendsMoved, winner, gain }) => [
      name,
      incentiveMoved.toFixed(4),
      dividendsMoved.toFixed(4),
      winner === null ? 'nobody' : `uid ${winner}`,
      tau(gain),
    ])
    print(false, rows, table(['variant', 'incentive moved', 'dividends moved', 'gains most', 'gain'], rows))
  } finally {
    bar.stop()
  }
}

export function consensusCommand(program: Command): void {
  const consensus = program.command('consensus').description('consensus scoring')
  consensus
    .command('epoch')
    .description('compute the outputs of epochs')
    .requiredOption('--input <file>', 'JSON (plain or gzip): a list of {input} as in the vectors, or of inputs')
    .addOption(jsonOption())
    .action(({ input, json }: { input: string; json?: boolean }) => {
      const { consensus: compute } = openCompute()
      const outputs = epochInputsFromJson(readJsonFile(input)).map((one) => epochOutputToJson(compute.epoch(one)))
      print(json, outputs, () => `${outputs.length} epochs computed; --json prints their outputs`)
    })
  consensus
    .command('what-if')
    .description('compare variants of one epoch: other stakes, rows of weights, kappa or pace of bonds')
    .requiredOption('--input <file>', 'JSON (plain or gzip): one epoch, as for the command epoch')
    .requiredOption(
      '--variants <file>',
      'JSON: a list of {name?, stake?, weights?: [[uid, [[uid, weight]]]], kappa?, bonds_moving_average?}',
    )
    .addOption(jsonOption())
    .action(whatIf)
}
