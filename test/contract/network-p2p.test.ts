import { p2pCarrier } from '../../src/network/p2p/carrier.ts'
import { p2pNetwork } from '../../src/network/p2p/network.ts'
import { utf8 } from '../../src/protocol/bytes.ts'
import { sha256 } from '../../src/protocol/hash.ts'
import { dialsOnly } from '../support/raw-peer.ts'
import { networkContract } from './network.ts'

networkContract('p2p', async () => ({
  neuron: (options, parts) => p2pNetwork({ ...options, allowPrivate: true }, { ...parts, peerKey: parts.random.bytes(32) }),
  carrier: (name) => p2pCarrier({ allowPrivate: true }, sha256(utf8(name)), dialsOnly),
  close: async () => undefined,
}))
