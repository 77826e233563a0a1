/**
 * The set-up of a local network, in a process of its own that ends before the node starts, because it alone opens
 * coldkeys (reliability.md P8): text, keys, genesis, plan. Coldkey files of a local network are unencrypted play money.
 */
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Option, type Command } from 'commander'
import { createColdkey } from '../keys/coldkey.ts'
import { createHotkey } from '../keys/hotkey.ts'
import { loadOrCreateEd25519 } from '../keys/node-key.ts'
import { prepareCorpus } from '../lab/corpus/prepare.ts'
import { openCompute } from '../node/compute.ts'
import { ORDERER_FILE } from '../node/local-ground.ts'
import { GATEWAY_HOTKEY, PLAN_FILE, planMiners, wallets, type NetworkPlan } from '../node/network-plan.ts'
import { fromHex } from '../protocol/bytes.ts'
import { RAO_PER_TAU } from '../protocol/amounts.ts'
import { genesisTemplate, type Genesis } from '../protocol/genesis.ts'
import { genesisToJson } from '../protocol/genesis-json.ts'
import { decodeSs58 } from '../protocol/ss58.ts'
import { dataOption, integer } from './flags.ts'

const VALIDATOR_STAKE = 100_000n * RAO_PER_TAU
const USER_STAKE = 1_000n * RAO_PER_TAU
const USER_FREE = 10_000n * RAO_PER_TAU

interface SetupOptions {
  data: string
  miners: number
  validators: number
}

async function keys(
  root: string,
  { miners, validators }: SetupOptions,
): Promise<{ plan: NetworkPlan; validatorKeys: Uint8Array[]; gatewayKey: Uint8Array }> {
  const parts = { signature: openCompute().signature }
  const coldkey = async (name: string): Promise<string> =>
    (await createColdkey(root, name, { password: null, allowUnencrypted: true }, parts)).address
  const hotkey = async (wallet: string, name: string): Promise<Uint8Array> =>
    decodeSs58((await createHotkey(root, wallet, name, parts)).address)
  const plan: NetworkPlan = {
    version: 1,
    miners: planMiners(miners),
    validators: Array.from({ length: validators }, (_, i) => ({ hotkey: `v${i}` })),
    coldkeys: { miners: await coldkey(wallets.miners), validators: await coldkey(wallets.validators), user: await coldkey(wallets.user) },
  }
  for (const one of plan.miners) await hotkey(wallets.miners, one.hotkey)
  const validatorKeys: Uint8Array[] = []
  for (const one of plan.validators) validatorKeys.push(await hotkey(wallets.validators, one.hotkey))
  const gatewayKey = await hotkey(wallets.user, GATEWAY_HOTKEY)
  return { plan, validatorKeys, gatewayKey }
}

/** Makes a data folder ready to start; does nothing when it is. The plan is written last, so a half-made folder is made anew. */
export async function setUpLocal(options: SetupOptions, say: (line: string) => void): Promise<void> {
  const { data } = options
  const compute = openCompute()
  mkdirSync(data, { recursive: true, mode: 0o700 })
  const corpus = await prepareCorpus({ dataFolder: data, onDomain: (name) => say(`preparing text: ${name}`) }, compute)
  if (existsSync(join(data, PLAN_FILE))) return
  say('making keys and genesis')
  // Without a plan nothing ever used these: they are what an interrupted set-up left.
  for (const half of ['wallets', ORDERER_FILE, 'genesis.json']) rmSync(join(data, half), { recursive: true, force: true })
  const { plan, validatorKeys, gatewayKey } = await keys(join(data, 'wallets'), options)
  const { signer: orderer } = await loadOrCreateEd25519(join(data, ORDERER_FILE), compute)
  const template = genesisTemplate('local')
  const genesis: Genesis = {
    ...template,
    engine: { kind: 'orderer', key: orderer.publicKey },
    time: BigInt(Date.now()),
    markets: template.markets.map((market) =>
      market.netuid === 1 ? { ...market, parameters: { ...market.parameters, fallbackRoot: fromHex(corpus.fallbackRoot) } } : market,
    ),
    accounts: [{ coldkey: decodeSs58(plan.coldkeys.user), free: USER_FREE }],
    stakes: [
      ...validatorKeys.map((hotkey) => ({ hotkey, owner: decodeSs58(plan.coldkeys.validators), amount: VALIDATOR_STAKE })),
      { hotkey: gatewayKey, owner: decodeSs58(plan.coldkeys.user), amount: USER_STAKE },
    ],
  }
  writeFileSync(join(data, 'genesis.json'), genesisToJson(genesis))
  writeFileSync(join(data, PLAN_FILE), JSON.stringify(plan, null, 2))
}

export function localSetupCommand(program: Command): void {
  program
    .command('local-setup', { hidden: true })
    .addOption(dataOption())
    .addOption(new Option('--miners <n>').argParser(integer(1, 64)).default(8))
    .addOption(new Option('--validators <n>').argParser(integer(1, 16)).default(3))
    .action(async (options: SetupOptions) => await setUpLocal(options, (line) => process.stderr.write(`${line}\n`)))
}
