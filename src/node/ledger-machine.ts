/** The state machine of the ledger, bound to a genesis and the addon, in the form an engine drives. */
import type { Machine } from '../ledger/engines/embedded/machine.ts'
import { stateMachine } from '../ledger/state/machine.ts'
import type { State } from '../ledger/state/state.ts'
import type { Genesis } from '../protocol/genesis.ts'
import type { Compute } from '../protocol/ports/compute.ts'

export const ledgerMachine = (genesis: Genesis, compute: Pick<Compute, 'pow' | 'signature' | 'consensus'>): Machine<State> =>
  stateMachine(genesis, compute)
