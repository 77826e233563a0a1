/** `taumesh devices`: what this machine can compute on, and why not where it cannot. */
import type { Command } from 'commander'
import { openCompute } from '../node/compute.ts'
import { jsonOption } from './flags.ts'
import { print, table } from './output.ts'

export function devicesCommand(program: Command): void {
  program
    .command('devices')
    .description('list the devices of this machine, with the reason for each that cannot be used')
    .addOption(jsonOption())
    .action(async ({ json }: { json?: boolean }) => {
      const { tensor, pow } = openCompute()
      // Solvers after devices: a GPU is known once it is listed.
      const devices = await tensor.devices()
      const solvers = [...pow.backends(), 'all']
      print(json, { devices, solvers }, () =>
        [
          table(
            ['device', 'name', 'driver', 'memory', 'usable', 'why not'],
            devices.map(({ id, name, driver, memoryBytes, usable, reason }) => [
              id,
              name,
              driver ?? '-',
              memoryBytes === null ? '-' : `${(memoryBytes / 2 ** 30).toFixed(1)} GiB`,
              usable ? 'yes' : 'no',
              reason ?? '',
            ]),
          ),
          '',
          `proof-of-work solvers: ${solvers.join(', ')}`,
        ].join('\n'),
      )
    })
}
