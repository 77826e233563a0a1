#!/usr/bin/env node
/** The command line: one file per command, registered here. Usage errors exit 2, refusals 1 or the code of their error row. */
import { Command, CommanderError, Option } from 'commander'
import { NodeError } from '../protocol/errors.ts'
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
import { fail } from './output.ts'
import { powCommand } from './pow.ts'
import { startCommand } from './start.ts'
import { tokenCommand } from './token.ts'
import { transactionCommands } from './transactions.ts'
import { walletCommand } from './wallet.ts'

const program = new Command('taumesh')
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

/** The words of the command that was asked for: `bench verify`. */
function asked(): string[] {
  const names: string[] = []
  let at: Command = program
  for (const word of program.args) {
    const next = at.commands.find((one) => one.name() === word)
    if (next === undefined) break
    names.push(word)
    at = next
  }
  return names
}

/** Commander has printed help or version by itself; a real usage error becomes one line with a code. */
function usage(error: CommanderError): void {
  if (error.exitCode === 0 || error.code === 'commander.help') return
  // The sentence goes on behind it.
  const detail = error.message.replace(/^error: /, '').replace(/\.+$/, '')
  fail(
    new NodeError('CLI_USAGE', {
      detail,
      command: asked()
        .map((name) => `${name} `)
        .join(''),
    }),
  )
}

// A reader that goes away (`taumesh neurons | head`) ends the program quietly.
process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1))
try {
  await program.parseAsync()
} catch (error) {
  if (error instanceof CommanderError) usage(error)
  else fail(error)
}
