/**
 * A network in one process, for tests and the simulator: latency, loss and partitions come from a seed and run on the
 * given clock. Lost pieces are repeated, as TCP does, so that loss is delay; what is sent across a partition waits for
 * its end. Everything above the carrier is the code that runs over libp2p.
 */
import { concat, fromHex, toHex, utf8 } from '../../protocol/bytes.ts'
import { NodeError } from '../../protocol/errors.ts'
import { sha256 } from '../../protocol/hash.ts'
import type { Network } from '../../protocol/ports/network.ts'
import type { Clock } from '../../protocol/ports/platform.ts'
import type { Carrier, CarrierEvents, Connection } from '../carrier.ts'
import { NeuronNetwork } from '../neuron-network.ts'
import type { NeuronOptions, NeuronParts } from '../options.ts'
import { unlessAborted } from '../time-limit.ts'
import { MemoryConnection } from './connection.ts'
import type { End } from './connection.ts'
import { Link } from './link.ts'
import type { Weather } from './link.ts'

export interface HubOptions {
  seed: number
  /** Uniform delay of a piece one way. Default 0. */
  latencyMs?: { min: number; max: number }
  /** Chance that a piece is lost and sent again. Default 0. */
  loss?: number
}
export interface MemoryOptions extends NeuronOptions {
  /** Last part of the address `/memory/<name>`. Default: the hotkey's first 16 hex characters. */
  name?: string
}
export interface MemoryHub {
  network(options: MemoryOptions, parts: NeuronParts): Promise<Network>
  /** A bare carrier, for peers that keep no rule. */
  carrier(name: string, events: CarrierEvents): Carrier
  /** Keeps neurons of different groups apart until `heal`; who is named in none reaches everyone. */
  partition(...groups: readonly (readonly string[])[]): void
  heal(): void
  /** Ends all connections of a neuron at once, at both ends, as a crash does. */
  sever(name: string): void
  /** Drops whatever is under way. Networks are closed by their owners. */
  close(): void
}

/** Time after which a lost piece is sent again, doubled each time; the least that Linux waits. */
const REPEAT_MS = 200
/** A piece is repeated at most so often: with loss below 1 it arrives. */
const REPEATS_MAX = 8
const shape = /^\/memory\/([\w.-]{1,64})$/

/** Uniform numbers in 0..1 from a 32-bit seed (mulberry32, public domain). */
function uniform(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let x = Math.imul(state ^ (state >>> 15), state | 1)
    x ^= x + Math.imul(x ^ (x >>> 7), x | 61)
    return ((x ^ (x >>> 14)) >>> 0) / 2 ** 32
  }
}

/** Identity multihash of a key, as libp2p has for Ed25519 peers; here the key is made of the name. */
const peerIdOf = (name: string): Uint8Array => concat(fromHex('002408011220'), sha256(utf8(`taumesh memory peer ${name}`)))

export const memoryHub = (options: HubOptions, parts: { clock: Clock }): MemoryHub => new Hub(options, parts.clock)

class Hub implements MemoryHub {
  readonly #latencyMs: { min: number; max: number }
  readonly #loss: number
  readonly #uniform: () => number
  readonly #clock: Clock
  readonly #ends = new Map<string, End>()
  readonly #connections = new Map<string, Set<MemoryConnection>>()
  readonly #closing = new AbortController()
  #groups: readonly (readonly string[])[] = []
  #healed: PromiseWithResolvers<void> | undefined

  constructor({ seed, latencyMs = { min: 0, max: 0 }, loss = 0 }: HubOptions, clock: Clock) {
    if (!(loss >= 0 && loss < 1)) throw new NodeError('WIRE_CONFIG', { detail: 'loss is in [0, 1)' })
    this.#latencyMs = latencyMs
    this.#loss = loss
    this.#uniform = uniform(seed)
    this.#clock = clock
  }

  async network(options: MemoryOptions, parts: NeuronParts): Promise<Network> {
    const name = options.name ?? toHex(parts.signer.publicKey).slice(0, 16)
    return await NeuronNetwork.on(options, parts, async (events) => this.carrier(name, events))
  }

  partition(...groups: readonly (readonly string[])[]): void {
    this.#groups = groups
    this.#healed ??= Promise.withResolvers()
  }

  heal(): void {
    this.#groups = []
    this.#healed?.resolve()
    this.#healed = undefined
  }

  sever(name: string): void {
    for (const connection of this.#connections.get(name) ?? []) connection.vanish('the connection broke')
  }

  close(): void {
    this.#closing.abort(new NodeError('WIRE_CANCELLED'))
    this.heal()
  }

  carrier(name: string, events: CarrierEvents): Carrier {
    const address = `/memory/${name}`
    if (!shape.test(address)) throw new NodeError('WIRE_CONFIG', { detail: 'no such name' })
    if (this.#ends.has(name)) throw new NodeError('WIRE_CONFIG', { detail: `${address} is taken` })
    const end: End = { name, peerId: peerIdOf(name), events }
    this.#ends.set(name, end)
    return {
      addresses: () => [address],
      refuses: (other) => (shape.test(other) ? undefined : 'not an address in memory'),
      dial: (addresses, signal) => this.#dial(end, addresses, signal),
      close: async () => {
        this.#ends.delete(name)
        await Promise.all([...(this.#connections.get(name) ?? [])].map((connection) => connection.close()))
      },
    }
  }

  async #dial(local: End, addresses: readonly string[], signal: AbortSignal): Promise<Connection> {
    for (const address of addresses) {
      const name = shape.exec(address)?.[1] ?? ''
      await this.#roundTrip(local.name, name, signal)
      const remote = this.#ends.get(name)
      if (remote === undefined || !remote.events.admits(local.peerId) || !local.events.admits(remote.peerId)) continue
      const { near, far } = MemoryConnection.pair(local, remote, this.#link(local.name, name), this.#link(name, local.name))
      this.#keep(name, far)
      this.#keep(local.name, near)
      remote.events.onConnection(far)
      return near
    }
    throw new NodeError('WIRE_UNREACHABLE', { detail: 'nobody answers' })
  }

  async #roundTrip(from: string, to: string, signal: AbortSignal): Promise<void> {
    const weather = this.#weather(from, to)
    await unlessAborted(weather.reachable(), signal)
    const ms = weather.delayMs() + weather.delayMs()
    if (ms > 0) await this.#clock.sleep(ms, AbortSignal.any([signal, this.#closing.signal]))
  }

  /** Connections of one neuron; `sever` needs both ends, so each end is kept under both names. */
  #keep(name: string, connection: MemoryConnection): void {
    for (const key of new Set([name, connection.remoteHost])) {
      const kept = this.#connections.get(key) ?? new Set()
      this.#connections.set(key, kept.add(connection))
      connection.gone.addEventListener('abort', () => kept.delete(connection), { once: true })
    }
  }

  #link(from: string, to: string): Link {
    return new Link(this.#weather(from, to), this.#clock, this.#closing.signal)
  }

  #weather(from: string, to: string): Weather {
    const groupOf = (name: string): number => this.#groups.findIndex((group) => group.includes(name))
    const areApart = (): boolean => {
      const [a, b] = [groupOf(from), groupOf(to)]
      return a >= 0 && b >= 0 && a !== b
    }
    return {
      delayMs: () => this.#delayMs(),
      reachable: async () => {
        while (areApart()) await this.#healed?.promise
      },
    }
  }

  #delayMs(): number {
    const { min, max } = this.#latencyMs
    let ms = min + (max - min) * this.#uniform()
    for (let repeat = 0; repeat < REPEATS_MAX && this.#loss > 0 && this.#uniform() < this.#loss; repeat++) ms += REPEAT_MS * 2 ** repeat
    return ms
  }
}
