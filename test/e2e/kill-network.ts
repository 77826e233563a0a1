/** The network of the kill test: the same keys, genesis and state machine in every process of a run. */
import type { Machine } from '../../src/ledger/engines/embedded/machine.ts'
import type { State } from '../../src/ledger/state/state.ts'
import { openCompute } from '../../src/node/compute.ts'
import { useNativeHasher } from '../../src/node/hasher.ts'
import { ledgerMachine } from '../../src/node/ledger-machine.ts'
import { type ToyNetwork, toyNetwork } from '../support/toy-network.ts'

export const KILL_USERS = 6
export const killNetwork = (): ToyNetwork => toyNetwork('kill', KILL_USERS)

export function killMachine(network: ToyNetwork): Machine<State> {
  useNativeHasher()
  return ledgerMachine(network.genesis, openCompute())
}
