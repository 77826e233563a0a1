/** Options and parts of one neuron's network, the same for every carrier. Limits are those of wire.md 1.5 and 1.7. */
import type { Hex } from '../protocol/bytes.ts'
import { NodeError } from '../protocol/errors.ts'
import type { SignatureCompute } from '../protocol/ports/compute.ts'
import type { AccessTable } from '../protocol/ports/network.ts'
import type { Clock, Log, Metrics, Random, Signer } from '../protocol/ports/platform.ts'

export type Role = 'miner' | 'validator' | 'gateway' | 'relay'

export interface NeuronOptions {
  /** Hash of the genesis, 32 bytes, and the chain's name, at most 32 bytes. */
  genesis: Uint8Array
  chainId: string
  roles: readonly Role[]
  /** Hotkeys that pass every method class and have no rate limit, as a validator gives its own gateway. Default: none. */
  allowList?: readonly Hex[]
  /** Program and version, printable ASCII, at most 64 bytes. */
  agent?: string
  limits?: Partial<NeuronLimits>
}

export interface NeuronLimits {
  /** Waiting requests in all, their bodies' bytes, and requests of one caller. */
  queueRequestsMax: number
  queueBytesMax: number
  queuePerCallerMax: number
  /** Handlers at work at once. */
  runningMax: number
  /** Calls at once on one connection, each way. */
  callsInMax: number
  callsOutMax: number
  /** Calls that wait here for a free stream of one connection. */
  callsWaitingMax: number
  /** What one connection may ask before any caller is looked at: calls per second, burst, bytes per second. */
  connectionCallsPerSecond: number
  connectionCallsBurst: number
  connectionBytesPerSecond: number
  dialMs: number
  handshakeMs: number
  requestReadMs: number
  /** A caller gives up after so long without a frame; a callee after so long without room for one. */
  silentMs: number
  stallMs: number
  /** A connection without calls for so long is closed. */
  idleMs: number
  bindingMs: number
  /** Unanswered: first Ack after, and then every. */
  ackFirstMs: number
  ackEveryMs: number
}

const MIB = 1024 * 1024
export const neuronLimits: NeuronLimits = {
  queueRequestsMax: 256,
  queueBytesMax: 32 * MIB,
  queuePerCallerMax: 32,
  runningMax: 8,
  callsInMax: 8,
  callsOutMax: 8,
  callsWaitingMax: 1024,
  connectionCallsPerSecond: 500,
  connectionCallsBurst: 1000,
  connectionBytesPerSecond: 32 * MIB,
  dialMs: 10_000,
  handshakeMs: 5_000,
  requestReadMs: 10_000,
  silentMs: 10_000,
  stallMs: 15_000,
  idleMs: 60_000,
  bindingMs: 86_400_000,
  ackFirstMs: 1_000,
  ackEveryMs: 2_000,
}

export interface NeuronParts {
  /** The hotkey (sr25519). */
  signer: Signer
  signature: Pick<SignatureCompute, 'verify'>
  access: AccessTable
  clock: Clock
  random: Random
  log: Log
  metrics?: Metrics | undefined
  /** What the hello says of our chain; peers take it as a hint. */
  head?: (() => { height: number; hash: Uint8Array }) | undefined
}

/** Options with every default filled in. */
export interface Settings extends NeuronLimits {
  genesis: Uint8Array
  chainId: string
  roleBits: number
  agent: string
  allowList: ReadonlySet<Hex>
}
const roleBit: Record<Role, number> = { miner: 1, validator: 2, gateway: 4, relay: 8 }

/** @throws NodeError WIRE_CONFIG for what cannot be said on the wire */
export function settingsOf(options: NeuronOptions, signer: Signer): Settings {
  const agent = options.agent ?? 'taumesh'
  const wrong = (detail: string): never => {
    throw new NodeError('WIRE_CONFIG', { detail })
  }
  if (options.genesis.length !== 32) wrong('the genesis hash has 32 bytes')
  if (!/^[\x20-\x7e]{1,32}$/.test(options.chainId)) wrong('the chain id has 1 to 32 printable characters')
  if (!/^[\x20-\x7e]{1,64}$/.test(agent)) wrong('the agent has 1 to 64 printable characters')
  if (signer.scheme !== 'sr25519' || signer.publicKey.length !== 32) wrong('a hotkey is an sr25519 key')
  return {
    ...neuronLimits,
    ...options.limits,
    genesis: options.genesis,
    chainId: options.chainId,
    roleBits: options.roles.reduce((bits, role) => bits | roleBit[role], 0),
    agent,
    allowList: new Set(options.allowList),
  }
}
