/**
 * The composition root of a local network: every part is built once, in reading order, and closed in reverse. Roles and
 * API get ports; only this room knows the implementations by name.
 */
import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { api, type Api } from '../api/server.ts'
import { NodeError } from '../protocol/errors.ts'
import type { Bench } from '../protocol/ports/bench.ts'
import type { Compute } from '../protocol/ports/compute.ts'
import type { Network } from '../protocol/ports/network.ts'
import type { Log, Signer } from '../protocol/ports/platform.ts'
import { MixtureGateway } from '../roles/gateway/gateway.ts'
import { qualityList } from '../roles/validator/quality.ts'
import { keepToken } from './api-token.ts'
import { audit } from './audit.ts'
import { followChain } from './chain-story.ts'
import { Closers } from './closers.ts'
import { DEMO_PROMPT, firstCompletion } from './demo.ts'
import { sinceStart, type NodeEvent } from './events.ts'
import { openGround, type LocalGround } from './local-ground.ts'
import { startMiners } from './local-miners.ts'
import { startValidators } from './local-validators.ts'
import { Milestones } from './milestones.ts'
import { localNetwork } from './neuron-parts.ts'
import { NodeStatus } from './node-status.ts'
import { NODE_FILE } from './remote.ts'
import { validationTexts } from './texts.ts'

const MARKET = 1
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
  /** Resolves when the node cannot go on: the ledger stopped by itself, or a role could not start. */
  readonly failed: Promise<NodeError>
  close(): Promise<void>
}
type Tell = (event: NodeEvent) => void
/** Makes what measures this machine, which signs by the node's hotkey. */
type MakeBench = (parts: { signer: Signer; verifier: Compute['signature'] }) => Bench

/** Starts everything; resolves when the API listens. @throws NodeError of the part that could not start, with nothing left running */
export async function startLocalNode(
  options: LocalNodeOptions,
  { log, onEvent, bench: makeBench }: { log: Log; onEvent: Tell; bench: MakeBench | null },
): Promise<RunningNode> {
  const closers = new Closers()
  try {
    const ground = await openGround(options, log, closers)
    const status = new NodeStatus({
      startedAt: ground.shared.clock.now() - performance.now(),
      list: qualityList(ground.shared.records),
      walletsFolder: join(options.dataFolder, 'wallets'),
    })
    const milestones = new Milestones((milestone) => status.announce(milestone))
    const network = await localNetwork('gateway', ground.gatewaySigner, ground.shared)
    closers.add(() => network.close())
    const gateway = await startGateway(ground, network, status, closers)
    const bench = makeBench?.({ signer: ground.gatewaySigner, verifier: ground.shared.compute.signature }) ?? null
    const url = await startApi(options, ground, { gateway, network, status, milestones, bench }, closers)
    const seconds = sinceStart()
    milestones.reach('ready', seconds)
    onEvent({ event: 'ready', url, seconds })
    return run(options, ground, { url, gateway, status, milestones, onEvent }, closers)
  } catch (error) {
    await closers.closeAll(log)
    throw error
  }
}

async function startGateway(
  { shared, gatewaySigner, fallback }: LocalGround,
  network: Network,
  status: NodeStatus,
  closers: Closers,
): Promise<MixtureGateway> {
  const { ledger, compute, clock, log } = shared
  const kindOf = (hotkey: string): string | undefined => status.told(hotkey).kind ?? undefined
  const gateway = new MixtureGateway(
    { netuid: MARKET },
    { ledger, network, hotkey: gatewaySigner.publicKey, mixture: compute.mixture, fallback, clock, log: log.child('gateway'), kindOf },
  )
  await gateway.start()
  closers.add(() => gateway.close())
  status.gateway(gateway, shared.gateway)
  return gateway
}

/** Builds the API, listens, and leaves URL and token in the data folder for the command line. */
async function startApi(
  options: LocalNodeOptions,
  { shared, fallback, coldkeys }: LocalGround,
  parts: { gateway: MixtureGateway; network: Network; status: NodeStatus; milestones: Milestones; bench: Bench | null },
  closers: Closers,
): Promise<string> {
  const { ledger, compute, records, clock, random, log } = shared
  const info = parts.status.info(parts.milestones, (netuid, epoch, validator) =>
    audit({ netuid, epoch, validator }, { ledger, network: parts.network, compute, fallback }),
  )
  const server: Api = await api(
    { ...options.http, hosts: [], dashboard: options.dashboard },
    {
      ledger,
      gateway: parts.gateway,
      compute,
      info,
      bench: parts.bench,
      tokenTable: records.table('token', { maxRows: TOKENS_MAX }),
      clock,
      random,
      log: log.child('api'),
    },
  )
  const url = await server.listen()
  closers.add(() => server.close())
  await keepToken(options.dataFolder, coldkeys.user, server.tokens, clock.now())
  const file = join(options.dataFolder, NODE_FILE)
  writeFileSync(file, JSON.stringify({ url, pid: process.pid }))
  closers.add(async () => rmSync(file, { force: true }))
  return url
}

/** Starts validators and miners. */
async function startRoles(options: LocalNodeOptions, ground: LocalGround, status: NodeStatus, closers: Closers): Promise<void> {
  const { shared, fallback, coldkeys } = ground
  const validators = await startValidators(
    ground.validatorSigners,
    { netuid: MARKET, coldkey: coldkeys.validators, texts: validationTexts(options.corpus) },
    { shared, fallback, onQuality: (point) => status.quality(point) },
    closers,
  )
  status.validators(validators)
  const where = { netuid: MARKET, coldkey: coldkeys.miners, corpus: options.corpus, ownText: ground.ownText }
  status.miners(await startMiners(ground.miners, where, shared, closers))
}

/** What goes on while the node runs: the chain is followed, the first prompt asked, and the roles start behind the API. */
function run(
  options: LocalNodeOptions,
  ground: LocalGround,
  {
    url,
    gateway,
    status,
    milestones,
    onEvent,
  }: { url: string; gateway: MixtureGateway; status: NodeStatus; milestones: Milestones; onEvent: Tell },
  closers: Closers,
): RunningNode {
  const { shared, access, coldkeys, miners } = ground
  const { ledger, clock, log } = shared
  const stopping = new AbortController()
  const onPaid = (height: number): void => {
    const seconds = sinceStart()
    if (milestones.reach('first_epoch_paid', seconds)) onEvent({ event: 'first_epoch_paid', seconds, height })
  }
  const following = followChain(MARKET, { ledger, access, onEvent, onPaid }, stopping.signal)
  const asking = firstCompletion(
    { coldkey: coldkeys.user, netuid: MARKET, miners: miners.length, minersMin: Math.min(DEMO_MINERS, miners.length) },
    { gateway, ledger, clock, log },
    stopping.signal,
  ).then((answer) => {
    const seconds = sinceStart()
    if (answer !== null && milestones.reach('first_completion', seconds))
      onEvent({ event: 'first_completion', seconds, prompt: DEMO_PROMPT, ...answer })
  })
  const broken = Promise.withResolvers<NodeError>()
  const fail = (error: unknown): void =>
    broken.resolve(error instanceof NodeError ? error : new NodeError('NODE_ROLE_FAILED', { detail: String(error) }, { cause: error }))
  // The API answers before the roles stand: reading the miners' texts takes seconds, and a restart must not wait for it.
  const starting = startRoles(options, ground, status, closers)
  starting.catch(fail)
  ground.stopped.then((error) => error !== null && fail(error), fail)
  return {
    url,
    failed: broken.promise,
    async close() {
      stopping.abort()
      await Promise.allSettled([starting, following, asking])
      await closers.closeAll(log)
    },
  }
}
