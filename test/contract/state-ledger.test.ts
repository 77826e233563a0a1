/** The contract of ledgers on the embedded engine, driving the ledger's own state machine. */
import { embedded } from '../../src/ledger/engines/embedded/embedded.ts'
import { stateMachine } from '../../src/ledger/state/machine.ts'
import { memoryBlockStore } from '../../src/ledger/store/memory-block-store.ts'
import { MemoryDisk } from '../../src/ledger/store/memory-disk.ts'
import { consensusReference } from '../../src/native/reference/consensus.ts'
import { powReference } from '../../src/native/reference/pow.ts'
import { signatureReference } from '../../src/native/reference/signature.ts'
import type { Ledger } from '../../src/protocol/ports/ledger.ts'
import { realClock } from '../support/clocks.ts'
import { silentLog } from '../support/silent-log.ts'
import { toyNetwork } from '../support/toy-network.ts'
import { ledgerContract } from './ledger.ts'

const compute = { pow: powReference, signature: signatureReference, consensus: consensusReference }

ledgerContract('embedded, the state machine', () => {
  const network = toyNetwork('contract')
  const disk = new MemoryDisk()
  const open = async (): Promise<Ledger> => {
    const store = memoryBlockStore({}, { disk })
    const machine = stateMachine(network.genesis, compute)
    const ledger = embedded(
      { genesis: network.genesis, blockTimeMs: 10 },
      { machine, store, signer: network.orderer, clock: realClock, log: silentLog() },
    )
    void ledger.stopped.then(() => store.close())
    return ledger
  }
  return { network, fee: network.genesis.parameters.baseFee, open }
})
