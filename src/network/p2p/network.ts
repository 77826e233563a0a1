/** The Network port over libp2p. */
import type { Network } from '../../protocol/ports/network.ts'
import { NodeError } from '../../protocol/errors.ts'
import { NeuronNetwork } from '../neuron-network.ts'
import type { NeuronOptions, NeuronParts } from '../options.ts'
import { p2pCarrier } from './carrier.ts'
import type { P2pCarrierOptions } from './carrier.ts'

export interface P2pOptions extends NeuronOptions, P2pCarrierOptions {}
export interface P2pParts extends NeuronParts {
  /** 32-byte Ed25519 seed of the peer id; unrelated to the hotkey, may be replaced at will. */
  peerKey: Uint8Array
}

/** Starts a neuron's network: it listens when this resolves. @throws NodeError WIRE_CONFIG */
export async function p2pNetwork(options: P2pOptions, parts: P2pParts): Promise<Network> {
  if (parts.peerKey.length !== 32) throw new NodeError('WIRE_CONFIG', { detail: 'a peer key has 32 bytes' })
  return await NeuronNetwork.on(options, parts, (events) => p2pCarrier(options, parts.peerKey, events))
}
