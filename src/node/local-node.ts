/**
 * The composition root of a local network: every part is built once, in reading order, and closed in reverse. Roles and
 * API get ports; only here the implementations have names.
 */
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { api } from '../api/server.ts'
import { openHotkey } from '../keys/hotkey.ts'
import { loadOrCreateEd25519 } from '../keys/node-key.ts'
import { sqliteRecordStore } from '../ledger/store/sqlite-record-store.ts'
import { toHex, type Hex } from '../protocol/bytes.ts'
import { NodeError } from '../protocol/errors.ts'
import { encodeGenesis } from '../protocol/genesis.ts'
import { genesisFromJson } from '../protocol/genesis-json.ts'
import type { ExpertShare } from '../protocol/ports/gateway.ts'
import type { BlockEvents, Ledger } from '../protocol/ports/ledger.ts'
import type { Log, Signer } from '../protocol/ports/platform.ts'
import { decodeSs58 } from '../protocol/ss58.ts'
import { MixtureGateway } from '../roles/gateway/gateway.ts'
import { qualityList } from '../roles/validator/quality.ts'
import { audit } from './audit.ts'
import { LiveAccess } from './access-table.ts'
import { openCompute } from './compute.ts'
import { DEMO_PROMPT, firstCompletion } from './demo.ts'
import { sinceStart, type NodeEvent } from './events.ts'
import { ledgerInWorker } from './ledger-host.ts'
import { startMiners } from './local-miners.ts'
import { startValidators } from './local-validators.ts'
import { Milestones } from './milestones.ts'
import { GATEWAY_HOTKEY, readPlan, wallets } from './network-plan.ts'
import { localNetwork, type Shared } from './neuron-parts.ts'
import { NodeStatus } from './node-status.ts'
import { NODE_FILE, TOKEN_FILE } from './remote.ts'
import { systemClock } from './system-clock.ts'
import { systemRandom } from './system-random.ts'
import { fallbackArtefact, validationTexts } from './texts.ts'

const MARKET = 1
const GENESIS_FILE = 'genesis.json'
export const ORDERER_FILE = 'orderer.key'
/** The admin token of the data folder lives as long as the folder is likely to. */
const TOKEN_LIFE_MS = 10 * 365 * 24 * 3_600_000
const TOKENS_MAX = 100_000
/** Miners that serve before the first prompt is asked: an answer by one alone shows no mixture. */
const DEMO_MINERS = 4

export interface LocalNodeOptions {
  dataFolder: string
  http: { host: string; port: number }
  /** Folder of the prepared corpus. */
  corpus: string
  ownText: string | null
  /** Folder of the built dashboard, null for none. */
  dashboard: string | null
}
export interface RunningNode {
  readonly url: string
  /** Resolves when the node cannot go on: the ledger stopped by itself. */
  readonly failed: Promise<NodeError>
  close(): Promise<void>
}

/** Closers in the order of opening; run in reverse, each once, and one that fails does not keep the others from running. */
async function closeAll(closers: (() => Promise<void>)[], log: Log): Promise<void> {
  for (const close of closers.splice(0).reverse())
    await close().catch((error: unknown) => log.warn('a part did not close well', { cause: String(error) }))
}

function readGenesis(dataFolder: string): ReturnType<typeof genesisFromJson> {
  const path = join(dataFolder, GENESIS_FILE)
  if (!existsSync(path)) throw new NodeError('NODE_PLAN_INVALID', { path })
  return genesisFromJson(readFileSync(path, 'utf8'))
}

/** Starts everything; resolves when the API listens. @throws NodeError of the part that could not start, with nothing left running */
export async function startLocalNode(
  options: LocalNodeOptions,
  parts: { log: Log; onEvent: (event: NodeEvent) => void },
): Promise<RunningNode> {
  const closers: (() => Promise<void>)[] = []
  try {
    return await start(options, parts, closers)
  } catch (error) {
    await closeAll(closers, parts.log)
    throw error
  }
}

async function start(
  options: LocalNodeOptions,
  { log, onEvent }: { log: Log; onEvent: (event: NodeEvent) => void },
  closers: (() => Promise<void>)[],
): Promise<RunningNode> {
  const { dataFolder } = options
  const stopping = new AbortController()
  const clock = systemClock
  const random = systemRandom
  const plan = readPlan(dataFolder)
  if (plan === null) throw new NodeError('NODE_PLAN_INVALID', { path: join(dataFolder, 'network.json') })
  const compute = openCompute()
  const genesis = readGenesis(dataFolder)
  const coldkeys = {
    miners: decodeSs58(plan.coldkeys.miners),
    validators: decodeSs58(plan.coldkeys.validators),
    user: toHex(decodeSs58(plan.coldkeys.user)),
  }

  const ledger = await ledgerInWorker(
    { genesis: encodeGenesis(genesis), store: { path: join(dataFolder, 'ledger') }, engine: {} },
    { signer: (await loadOrCreateEd25519(join(dataFolder, ORDERER_FILE), compute)).signer, log: log.child('ledger') },
  )
  closers.push(() => ledger.close())
  const records = sqliteRecordStore({ path: join(dataFolder, 'records') }, { log: log.child('records') })
  closers.push(() => records.close())
  const access = new LiveAccess({ ledger, log })
  await access.load()

  const hotkey = (wallet: string, name: string): Promise<Signer> => openHotkey(join(dataFolder, 'wallets'), wallet, name, compute)
  // All keys are opened before anything listens: a damaged file must keep the node from starting, not surprise it later.
  const validatorSigners = await Promise.all(plan.validators.map((one) => hotkey(wallets.validators, one.hotkey)))
  const plannedMiners = await Promise.all(plan.miners.map(async (one) => ({ plan: one, signer: await hotkey(wallets.miners, one.hotkey) })))
  const gatewaySigner = await hotkey(wallets.user, GATEWAY_HOTKEY)
  const shared: Shared = { compute, ledger, records, access: access.table, clock, random, log, gateway: toHex(gatewaySigner.publicKey) }
  const fallback = compute.expert.model({ kind: 'fallback', artefact: fallbackArtefact(options.corpus) }, 0n)

  const status = new NodeStatus({
    startedAt: clock.now() - performance.now(),
    list: qualityList(records),
    walletsFolder: join(dataFolder, 'wallets'),
  })
  const milestones = new Milestones((milestone) => status.announce(milestone))

  const gatewayNetwork = await localNetwork('gateway', gatewaySigner, shared)
  closers.push(() => gatewayNetwork.close())
  const gateway = new MixtureGateway(
    { netuid: MARKET },
    {
      ledger,
      network: gatewayNetwork,
      hotkey: gatewaySigner.publicKey,
      mixture: compute.mixture,
      fallback,
      clock,
      log: log.child('gateway'),
      kindOf: (key) => status.told(key).kind ?? undefined,
    },
  )
  await gateway.start()
  closers.push(() => gateway.close())

  const server = await api(
    { ...options.http, hosts: [], dashboard: options.dashboard },
    {
      ledger,
      gateway,
      compute,
      info: status.info(milestones, (netuid, epoch, validator) =>
        audit({ netuid, epoch, validator }, { ledger, network: gatewayNetwork, compute, fallback }),
      ),
      tokenTable: records.table('token', { maxRows: TOKENS_MAX }),
      clock,
      random,
      log: log.child('api'),
    },
  )
  const url = await server.listen()
  closers.push(() => server.close())
  await keepToken(dataFolder, coldkeys.user, server.tokens, clock.now())
  writeFileSync(join(dataFolder, NODE_FILE), JSON.stringify({ url, pid: process.pid }))
  closers.push(async () => rmSync(join(dataFolder, NODE_FILE), { force: true }))

  const reach = (event: 'ready' | 'first_completion' | 'first_epoch_paid'): number | null => {
    const seconds = sinceStart()
    return milestones.reach(event, seconds) ? seconds : null
  }
  onEvent({ event: 'ready', url, seconds: reach('ready') ?? sinceStart() })
  const following = follow(ledger, access, onEvent, stopping.signal, (height) => {
    const seconds = reach('first_epoch_paid')
    if (seconds !== null) onEvent({ event: 'first_epoch_paid', seconds, height })
  })
  const asking = firstCompletion(
    { coldkey: coldkeys.user, netuid: MARKET, miners: plan.miners.length, minersMin: Math.min(DEMO_MINERS, plan.miners.length) },
    { gateway, ledger, clock, log },
    stopping.signal,
  ).then((answer: { text: string; experts: ExpertShare[] } | null) => {
    const seconds = answer === null ? null : reach('first_completion')
    if (answer !== null && seconds !== null) onEvent({ event: 'first_completion', seconds, prompt: DEMO_PROMPT, ...answer })
  })
  /** The API answers before they stand: reading the miners' texts takes seconds, and a restart must not wait for it. */
  const startRoles = async (): Promise<void> => {
    const validators = await startValidators(
      validatorSigners,
      { netuid: MARKET, coldkey: coldkeys.validators, texts: validationTexts(options.corpus) },
      { shared, fallback, onQuality: (point) => status.quality(point) },
      closers,
    )
    status.validators(validators)
    const miners = await startMiners(
      plannedMiners,
      { netuid: MARKET, coldkey: coldkeys.miners, corpus: options.corpus, ownText: options.ownText },
      shared,
      closers,
    )
    status.miners(miners)
    status.gateway(gateway, shared.gateway)
  }
  const starting = startRoles()
  const broken = Promise.withResolvers<NodeError>()
  starting.catch((error: unknown) =>
    broken.resolve(error instanceof NodeError ? error : new NodeError('NODE_ROLE_FAILED', { detail: String(error) }, { cause: error })),
  )
  return {
    url,
    failed: Promise.race([broken.promise, ledger.stopped.then((error) => error ?? new Promise<NodeError>(() => {}))]),
    async close() {
      stopping.abort()
      await Promise.allSettled([starting, following, asking])
      await closeAll(closers, log)
    },
  }
}

/** Writes the admin token once, mode 0600; an existing one that is still known stays. */
async function keepToken(dataFolder: string, user: Hex, tokens: Awaited<ReturnType<typeof api>>['tokens'], now: number): Promise<void> {
  const path = join(dataFolder, TOKEN_FILE)
  if (existsSync(path) && (await tokens.holder(readFileSync(path, 'utf8').trim())) !== null) return
  const token = await tokens.create({ role: 'admin', coldkey: user, expiresAt: now + TOKEN_LIFE_MS })
  rmSync(path, { force: true })
  writeFileSync(path, `${token}\n`, { mode: 0o600, flag: 'wx' })
}

/** Follows the chain for membership, announcements, and the first epoch that weights paid. */
async function follow(
  ledger: Ledger,
  access: LiveAccess,
  onEvent: (event: NodeEvent) => void,
  signal: AbortSignal,
  onPaid: (height: number) => void,
): Promise<void> {
  const { height } = await ledger.query('head')
  for await (const block of ledger.subscribe(height + 1, signal)) {
    await access.see(block)
    tell(block, onEvent)
    for (const event of block.events)
      if (event.type === 'epoch' && event.netuid === MARKET && event.byWeights && event.miners > 0) onPaid(block.height)
  }
}

function tell(block: BlockEvents, onEvent: (event: NodeEvent) => void): void {
  onEvent({ event: 'block', height: block.height, transactions: block.transactions })
  for (const event of block.events) {
    if (event.type === 'registered') onEvent({ event: 'registered', netuid: event.netuid, uid: event.uid, hotkey: event.hotkey })
    if (event.type === 'epoch')
      onEvent({
        event: 'epoch',
        netuid: event.netuid,
        epoch: event.epoch,
        height: block.height,
        paid: event.paid,
        byWeights: event.byWeights,
      })
  }
}
