/** One network world for a contract test: alice validates, bob mines, carol is nobody until a test says otherwise. */
import { expect } from 'vitest'
import type { Carrier } from '../../src/network/carrier.ts'
import type { NeuronOptions, NeuronParts } from '../../src/network/options.ts'
import type { Handler, MethodRule, Network, PeerTarget } from '../../src/protocol/ports/network.ts'
import { realClock } from './clocks.ts'
import { testKey } from './network-keys.ts'
import type { TestKey } from './network-keys.ts'
import { minerAccess, neuronParts, TestMembers, testGenesis, validatorAccess } from './network-parts.ts'
import { RawPeer } from './raw-peer.ts'

export interface NetworkWorld {
  neuron(options: NeuronOptions, parts: NeuronParts): Promise<Network>
  /** A carrier without a network on it, for hostile peers. */
  carrier(name: string): Promise<Carrier>
  close(): Promise<void>
}
export type OpenScene = () => Promise<Scene>

export const alice = testKey('alice')
export const bob = testKey('bob')
export const carol = testKey('carol')
export const rule = (change: Partial<MethodRule> = {}): MethodRule => ({
  class: 'registered',
  requestBytesMax: 64 * 1024,
  answerBytesMax: 8 * 1024 * 1024,
  ...change,
})
export const options = (change: Partial<NeuronOptions> = {}): NeuronOptions => ({
  genesis: testGenesis,
  chainId: 'test',
  roles: ['miner'],
  ...change,
})
export const soon = { netuid: 1, deadlineMs: 5_000 }
/** Resolves when what a test waits for has happened. */
export const signal = (): PromiseWithResolvers<void> => Promise.withResolvers<void>()

/** One world with alice and bob in it; closed whatever happens. */
export class Scene implements AsyncDisposable {
  readonly members = new TestMembers().set(alice, validatorAccess(0.5)).set(bob, minerAccess)
  readonly #world: NetworkWorld
  readonly #networks: Network[] = []
  readonly #carriers: Carrier[] = []

  constructor(world: NetworkWorld) {
    this.#world = world
  }

  parts(key: TestKey): NeuronParts {
    return neuronParts(key, this.members, realClock)
  }

  async neuron(key: TestKey, change: Partial<NeuronOptions> = {}, parts: Partial<NeuronParts> = {}): Promise<Network> {
    const network = await this.#world.neuron(options(change), { ...this.parts(key), ...parts })
    this.#networks.push(network)
    return network
  }

  async raw(key: TestKey, to: Network): Promise<RawPeer> {
    return await RawPeer.connect(await this.carrier(`raw-${key.name}`), to.addresses(), key, this.parts(key))
  }

  async carrier(name: string): Promise<Carrier> {
    const carrier = await this.#world.carrier(name)
    this.#carriers.push(carrier)
    return carrier
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#networks, ...this.#carriers].map((part) => part.close()))
    await this.#world.close()
  }
}

export const at = (key: TestKey, network: Network): PeerTarget => ({ hotkey: key.publicKey, addresses: network.addresses() })
export const echo: Handler = async ({ body }) => body
export const failing = (code: string): unknown => expect.objectContaining({ code })
