/** What every neuron of a node shares, and how each gets its own place in the network. */
import type { Hex } from '../protocol/bytes.ts'
import type { Compute } from '../protocol/ports/compute.ts'
import type { Ledger } from '../protocol/ports/ledger.ts'
import type { AccessTable, Network } from '../protocol/ports/network.ts'
import type { Clock, Log, Random, Signer } from '../protocol/ports/platform.ts'
import type { RecordStore } from '../protocol/ports/records.ts'
import { p2pNetwork } from '../network/p2p/network.ts'
import type { Role } from '../network/options.ts'

export interface Shared {
  compute: Compute
  ledger: Ledger
  records: RecordStore
  access: AccessTable
  clock: Clock
  random: Random
  log: Log
  /** The node's own gateway, which its miners always answer. */
  gateway: Hex
}

/** A libp2p network of one hotkey on loopback. The peer id is new at each start: nothing remembers it. */
export async function localNetwork(role: Role, signer: Signer, shared: Shared): Promise<Network> {
  const { ledger, access, compute, clock, random, log, gateway } = shared
  return await p2pNetwork(
    {
      listen: ['/ip4/127.0.0.1/tcp/0'],
      genesis: ledger.chain.genesis,
      chainId: ledger.chain.id,
      roles: [role],
      allowList: [gateway],
      allowPrivate: true,
    },
    { signer, peerKey: random.bytes(32), signature: compute.signature, access, clock, random, log },
  )
}
