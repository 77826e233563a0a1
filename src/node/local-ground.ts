/** What all parts of a local network stand on: plan, keys, ledger, records, membership, the public fallback. */
import { existsSync, readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { readTextFolder } from '../experts/text-folder.ts'
import { openHotkey } from '../keys/hotkey.ts'
import { loadOrCreateEd25519 } from '../keys/node-key.ts'
import { sqliteRecordStore } from '../ledger/store/sqlite-record-store.ts'
import { toHex, type Hex } from '../protocol/bytes.ts'
import { NodeError } from '../protocol/errors.ts'
import { encodeGenesis, type Genesis } from '../protocol/genesis.ts'
import { genesisFromJson } from '../protocol/genesis-json.ts'
import type { Model } from '../protocol/ports/compute.ts'
import type { Log, Signer } from '../protocol/ports/platform.ts'
import { decodeSs58 } from '../protocol/ss58.ts'
import { LiveAccess } from './access-table.ts'
import type { Closers } from './closers.ts'
import { closeCompute, openCompute } from './compute.ts'
import { ledgerInWorker } from './ledger-host.ts'
import { GATEWAY_HOTKEY, PLAN_FILE, readPlan, wallets, type MinerPlan } from './network-plan.ts'
import type { Shared } from './neuron-parts.ts'
import { systemClock } from './system-clock.ts'
import { systemRandom } from './system-random.ts'
import { fallbackArtefact } from './texts.ts'

const GENESIS_FILE = 'genesis.json'
export const ORDERER_FILE = 'orderer.key'

export interface OwnText {
  name: string
  bytes: Uint8Array
}
export interface LocalGround {
  shared: Shared
  access: LiveAccess
  /** Resolves when the ledger has ended: null after a close. */
  stopped: Promise<NodeError | null>
  fallback: Model
  gatewaySigner: Signer
  validatorSigners: Signer[]
  miners: { plan: MinerPlan; signer: Signer }[]
  /** The user's own text, which the last miner learns from in place of its domain. */
  ownText: OwnText | null
  coldkeys: { miners: Uint8Array; validators: Uint8Array; user: Hex }
}

function readGenesis(dataFolder: string): Genesis {
  const path = join(dataFolder, GENESIS_FILE)
  if (!existsSync(path)) throw new NodeError('NODE_PLAN_INVALID', { path })
  return genesisFromJson(readFileSync(path, 'utf8'))
}

async function readOwnText(path: string, log: Log): Promise<OwnText> {
  const { bytes, truncated } = await readTextFolder(path)
  if (truncated) log.warn('only the beginning of this text is learnt', { path, bytes: bytes.length })
  return { name: basename(path), bytes }
}

/** Opens everything that lies in the data folder. @throws NodeError STORE_*, LEDGER_*, KEYS_*, NODE_PLAN_INVALID, NODE_CORPUS_MISSING */
export async function openGround(
  options: { dataFolder: string; corpus: string; ownText: string | null },
  log: Log,
  closers: Closers,
): Promise<LocalGround> {
  const { dataFolder } = options
  const ownText = options.ownText === null ? null : await readOwnText(options.ownText, log)
  const plan = readPlan(dataFolder)
  if (plan === null) throw new NodeError('NODE_PLAN_INVALID', { path: join(dataFolder, PLAN_FILE) })
  const compute = openCompute()
  closers.add(closeCompute)
  const ledger = await ledgerInWorker(
    { genesis: encodeGenesis(readGenesis(dataFolder)), store: { path: join(dataFolder, 'ledger') }, engine: {} },
    { signer: (await loadOrCreateEd25519(join(dataFolder, ORDERER_FILE), compute)).signer, log: log.child('ledger') },
  )
  closers.add(() => ledger.close())
  const records = sqliteRecordStore({ path: join(dataFolder, 'records') }, { log: log.child('records') })
  closers.add(() => records.close())
  const access = new LiveAccess({ ledger, log })
  await access.load()

  // All keys are opened before anything listens: a damaged file must keep the node from starting, not surprise it later.
  const hotkey = (wallet: string, name: string): Promise<Signer> => openHotkey(join(dataFolder, 'wallets'), wallet, name, compute)
  const gatewaySigner = await hotkey(wallets.user, GATEWAY_HOTKEY)
  const gateway = toHex(gatewaySigner.publicKey)
  return {
    shared: { compute, ledger, records, access: access.table, clock: systemClock, random: systemRandom, log, gateway },
    access,
    stopped: ledger.stopped,
    fallback: compute.expert.model({ kind: 'fallback', artefact: fallbackArtefact(options.corpus) }, 0n),
    gatewaySigner,
    validatorSigners: await Promise.all(plan.validators.map((one) => hotkey(wallets.validators, one.hotkey))),
    miners: await Promise.all(plan.miners.map(async (one) => ({ plan: one, signer: await hotkey(wallets.miners, one.hotkey) }))),
    ownText,
    coldkeys: {
      miners: decodeSs58(plan.coldkeys.miners),
      validators: decodeSs58(plan.coldkeys.validators),
      user: toHex(decodeSs58(plan.coldkeys.user)),
    },
  }
}
