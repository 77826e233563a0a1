/** `taumesh wallet`: create, import and list keys, and ask a node for a token. Coldkeys open here and in no running node. */
import { join } from 'node:path'
import { Option, type Command } from 'commander'
import { createColdkey, importColdkey } from '../keys/coldkey.ts'
import { createHotkey, importHotkey } from '../keys/hotkey.ts'
import { listWallets } from '../keys/wallets.ts'
import { openCompute } from '../node/compute.ts'
import { NodeError } from '../protocol/errors.ts'
import { dataOption, jsonOption } from './flags.ts'
import { print, table } from './output.ts'
import { passwordFdOption, readPassword, type PasswordOptions } from './password.ts'

interface WalletOptions extends PasswordOptions {
  data: string
  hotkey?: string
  words: string
  json?: boolean
}
const rootOf = ({ data }: { data: string }): string => join(data, 'wallets')

/** A phrase is read like a password: from the terminal, or the first line of standard input. */
async function readPhrase(): Promise<string> {
  if (process.stdin.isTTY) process.stderr.write('phrase or key URI: ')
  let text = ''
  for await (const chunk of process.stdin) {
    text += String(chunk)
    if (text.includes('\n') || text.length > 2_048) break
  }
  const phrase = text.split('\n')[0]?.trim() ?? ''
  if (phrase === '') throw new NodeError('CLI_PASSWORD', { detail: 'no phrase on standard input' })
  return phrase
}

async function create(name: string, options: WalletOptions): Promise<void> {
  const parts = { signature: openCompute().signature }
  const words = Number(options.words) as 12 | 24
  const made =
    options.hotkey === undefined
      ? await createColdkey(
          rootOf(options),
          name,
          { password: await readPassword(options, true), allowUnencrypted: options.unencrypted === true, words },
          parts,
        )
      : await createHotkey(rootOf(options), name, options.hotkey, parts, { words })
  print(
    options.json,
    made,
    `address ${made.address}\nphrase  ${made.mnemonic}\nWrite the phrase down: it is shown once, and whoever has it has the key.`,
  )
}

async function take(name: string, options: WalletOptions): Promise<void> {
  const parts = { signature: openCompute().signature }
  const password = options.hotkey === undefined ? await readPassword(options, true) : null
  const phrase = await readPhrase()
  const made =
    options.hotkey === undefined
      ? await importColdkey(rootOf(options), name, phrase, { password, allowUnencrypted: options.unencrypted === true }, parts)
      : await importHotkey(rootOf(options), name, options.hotkey, phrase, parts)
  print(options.json, made, `address ${made.address}`)
}

async function list(options: { data: string; json?: boolean }): Promise<void> {
  const wallets = await listWallets(rootOf(options))
  print(options.json, wallets, () =>
    wallets.length === 0
      ? `no wallets in ${rootOf(options)}`
      : table(
          ['wallet', 'key', 'address'],
          wallets.flatMap(({ name, address, hotkeys }) => [
            [name, 'coldkey', address],
            ...hotkeys.map((one) => [name, one.name, one.address ?? 'unreadable']),
          ]),
        ),
  )
}

export function walletCommand(program: Command): void {
  const wallet = program.command('wallet').description('keys: create, import, list')
  const keyed = (name: string, description: string): Command =>
    wallet
      .command(name)
      .description(description)
      .argument('<wallet>', 'name of the wallet')
      .addOption(new Option('--hotkey <name>', 'a hotkey of this wallet instead of its coldkey'))
      .addOption(new Option('--unencrypted', 'a coldkey without password: for local networks alone'))
      .addOption(passwordFdOption())
      .addOption(dataOption())
      .addOption(jsonOption())
  keyed('create', 'make a key from fresh chance')
    .addOption(new Option('--words <n>', 'length of the phrase').choices(['12', '24']).default('12'))
    .action(create)
  keyed('import', 'make a key from a phrase or key URI on standard input').action(take)
  wallet.command('list').description('wallets and their addresses').addOption(dataOption()).addOption(jsonOption()).action(list)
}
