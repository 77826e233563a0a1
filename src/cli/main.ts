#!/usr/bin/env node
/** Runs the command line. Usage errors exit 2, refusals 1 or the code of their error row. */
import { type Command, CommanderError } from 'commander'
import { NodeError } from '../protocol/errors.ts'
import { fail } from './output.ts'
import { program } from './program.ts'

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
