/** `taumesh audit scores`: computes a validator's scores again from its evidence. */
import { Option, type Command } from 'commander'
import type { AuditView } from '../protocol/views/node.ts'
import { connect, dataOption, jsonOption, netuidOption, nodeOption, u64, type NodeCommandOptions } from './flags.ts'
import { print } from './output.ts'

interface AuditOptions extends NodeCommandOptions {
  netuid: number
  epoch: bigint
  validator: string
}
const verdict = (ok: boolean): string => (ok ? 'as stated' : 'DIFFERENT')

export function auditCommand(program: Command): void {
  program
    .command('audit')
    .description('recompute what validators state')
    .command('scores')
    .description('recompute contributions, statistics and weights of an epoch')
    .addOption(netuidOption())
    .addOption(new Option('--epoch <n>', 'epoch of the weights').argParser(u64).makeOptionMandatory())
    .addOption(new Option('--validator <address>', 'hotkey of the validator').makeOptionMandatory())
    .addOption(nodeOption())
    .addOption(dataOption())
    .addOption(jsonOption())
    .action(async (options: AuditOptions) => {
      const view = await connect(options).getWithToken<AuditView>(
        `/v1/markets/${options.netuid}/audits/${options.epoch}/${options.validator}`,
      )
      print(options.json, view, () =>
        [
          `${view.records} records: root ${verdict(view.root_ok)}, contributions ${verdict(view.phi_ok)}, weights ${verdict(view.weights_ok)}`,
          ...(view.first_difference === null ? [] : [`first difference: ${view.first_difference}`]),
        ].join('\n'),
      )
      if (!view.root_ok || !view.phi_ok || !view.weights_ok) process.exitCode = 1
    })
}
