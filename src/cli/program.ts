/** The command line: one file per command, registered here. */
import { Command, CommanderError, Option } from 'commander'
import { VERSION } from '../node/version.ts'
import { auditCommand } from './audit.ts'
import { baseCommand } from './base.ts'
import { benchCommand } from './bench.ts'
import { chainCommands } from './chain.ts'
import { completeCommand } from './complete.ts'
import { consensusCommand } from './consensus.ts'
import { corpusCommand } from './corpus.ts'
import { devicesCommand } from './devices.ts'
import { genesisCommand } from './genesis.ts'
import { labCommand } from './lab.ts'
import { localSetupCommand } from './local-setup.ts'
import { powCommand } from './pow.ts'
import { startCommand } from './start.ts'
import { tokenCommand } from './token.ts'
import { transactionCommands } from './transactions.ts'
import { walletCommand } from './wallet.ts'

export const program = new Command('taumesh')
  .description('A node for a decentralised network of machine intelligence.')
  .version(VERSION, '--version', 'print the version')
  .helpOption('-h, --help', 'print help')
  .showHelpAfterError(false)
  .exitOverride()
  // A refusal is said by `usage`, in one line; the help of a command that lacks its second word is an answer like any other.
  .configureOutput({ outputError: () => {}, writeErr: (text) => process.stdout.write(text) })
  .enablePositionalOptions()
  // For npm/launch.mjs, which asks whether a command line can run before it builds what the run needs.
  .addOption(new Option('--parse-only', 'read the command line, run nothing').hideHelp())
  .hook('preAction', () => {
    if (program.getOptionValue('parseOnly') === true) throw new CommanderError(0, 'taumesh.parsed', 'the command line can run')
  })

for (const register of [
  startCommand,
  chainCommands,
  completeCommand,
  walletCommand,
  transactionCommands,
  tokenCommand,
  auditCommand,
  genesisCommand,
  powCommand,
  consensusCommand,
  corpusCommand,
  devicesCommand,
  benchCommand,
  labCommand,
  baseCommand,
  localSetupCommand,
])
  register(program)
