/** `taumesh genesis`: write or check a genesis file. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { Option, type Command } from 'commander'
import { toHex } from '../protocol/bytes.ts'
import { NodeError } from '../protocol/errors.ts'
import { fileError } from '../protocol/file-error.ts'
import { genesisHash, genesisTemplate } from '../protocol/genesis.ts'
import { genesisFromJson, genesisToJson } from '../protocol/genesis-json.ts'
import { parseTau } from '../protocol/amounts.ts'
import { decodeSs58 } from '../protocol/ss58.ts'
import { bytes32, jsonOption } from './flags.ts'
import { print } from './output.ts'

interface CreateOptions {
  kind: 'local' | 'dev' | 'main'
  orderer: Uint8Array
  account: { coldkey: Uint8Array; free: bigint }[]
  stake: { hotkey: Uint8Array; owner: Uint8Array; amount: bigint }[]
  chainId?: string
  out: string
  json?: boolean
}
const collect =
  <T>(parse: (text: string) => T) =>
  (text: string, before: T[]): T[] => [...before, parse(text)]
const accountOf = (text: string): CreateOptions['account'][number] => {
  const [coldkey = '', tau = ''] = text.split('=')
  return { coldkey: decodeSs58(coldkey), free: parseTau(tau) }
}
const stakeOf = (text: string): CreateOptions['stake'][number] => {
  const [keys = '', tau = ''] = text.split('=')
  const [hotkey = '', owner = ''] = keys.split(':')
  return { hotkey: decodeSs58(hotkey), owner: decodeSs58(owner), amount: parseTau(tau) }
}

function create(options: CreateOptions): void {
  const { kind, orderer, account, stake, chainId, out } = options
  if (existsSync(out)) throw new NodeError('CLI_FILE', { path: out, detail: 'it exists already and is not overwritten' })
  const template = genesisTemplate(kind)
  const genesis = {
    ...template,
    chainId: chainId ?? template.chainId,
    engine: { kind: 'orderer' as const, key: orderer },
    time: BigInt(Date.now()),
    accounts: account,
    stakes: stake,
  }
  const json = genesisToJson(genesis)
  writeFileSync(out, json)
  const hash = toHex(genesisHash(genesis))
  print(options.json, { file: out, hash }, `${out} written, genesis hash ${hash}`)
}

function show({ input, json }: { input: string; json?: boolean }): void {
  let text: string
  try {
    text = readFileSync(input, 'utf8')
  } catch (error) {
    throw fileError(input, error)
  }
  const genesis = genesisFromJson(text)
  const hash = toHex(genesisHash(genesis))
  print(json, { hash, chainId: genesis.chainId, kind: genesis.kind }, `${genesis.chainId} (${genesis.kind}), genesis hash ${hash}`)
}

export function genesisCommand(program: Command): void {
  const genesis = program.command('genesis').description('the genesis of a network')
  genesis
    .command('create')
    .description('write a genesis file')
    .addOption(new Option('--kind <kind>', 'kind of network').choices(['local', 'dev', 'main']).makeOptionMandatory())
    .addOption(new Option('--orderer <hex>', 'ed25519 public key that orders blocks').argParser(bytes32).makeOptionMandatory())
    .addOption(new Option('--account <coldkey=tau>', 'a funded coldkey; repeat').argParser(collect(accountOf)).default([]))
    .addOption(
      new Option('--stake <hotkey:owner=tau>', 'a staked hotkey; repeat, at least one validator').argParser(collect(stakeOf)).default([]),
    )
    .addOption(new Option('--chain-id <name>', 'name of the chain'))
    .addOption(new Option('--out <file>', 'file to write').default('genesis.json'))
    .addOption(jsonOption())
    .action(create)
  genesis
    .command('show')
    .description('check a genesis file and print its hash')
    .requiredOption('--input <file>', 'genesis file')
    .addOption(jsonOption())
    .action(show)
}
