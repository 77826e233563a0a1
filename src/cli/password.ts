/** Passwords come from the terminal or a file descriptor, never from an argument or the environment, where others could read them. */
import { readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { Writable } from 'node:stream'
import { Option } from 'commander'
import { NodeError } from '../protocol/errors.ts'
import { integer } from './flags.ts'

export interface PasswordOptions {
  passwordFd?: number
  unencrypted?: boolean
}
export const passwordFdOption = (): Option =>
  new Option('--password-fd <n>', 'read the password from this file descriptor').argParser(integer(0, 1_024))

/** Asks on the terminal without showing what is typed. */
function ask(question: string): Promise<string> {
  process.stderr.write(question)
  const silent = new Writable({ write: (_chunk, _encoding, done) => done() })
  const lines = createInterface({ input: process.stdin, output: silent, terminal: true })
  return new Promise((resolve) => {
    lines.question('', (text) => {
      lines.close()
      process.stderr.write('\n')
      resolve(text)
    })
  })
}

/** The password, or null with `--unencrypted`. `again` asks twice, for a new key. @throws NodeError CLI_PASSWORD */
export async function readPassword({ passwordFd, unencrypted }: PasswordOptions, again: boolean): Promise<string | null> {
  if (unencrypted === true) return null
  if (passwordFd !== undefined) return readFileSync(passwordFd, 'utf8').replace(/\r?\n$/, '')
  if (!process.stdin.isTTY) throw new NodeError('CLI_PASSWORD', { detail: 'no terminal to ask on: use --password-fd' })
  const first = await ask('password: ')
  if (again && (await ask('again: ')) !== first) throw new NodeError('CLI_PASSWORD', { detail: 'the two differ' })
  return first
}
