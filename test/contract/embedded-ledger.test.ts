/** The contract of ledgers on the embedded engine, with the memory store and with SQLite. */
import { embedded } from '../../src/ledger/engines/embedded/embedded.ts'
import { memoryBlockStore } from '../../src/ledger/store/memory-block-store.ts'
import { MemoryDisk } from '../../src/ledger/store/memory-disk.ts'
import { sqliteBlockStore } from '../../src/ledger/store/sqlite-block-store.ts'
import type { BlockStore } from '../../src/protocol/ports/block-store.ts'
import type { Ledger } from '../../src/protocol/ports/ledger.ts'
import { realClock } from '../support/clocks.ts'
import { temporaryFolder } from '../support/folders.ts'
import { silentLog } from '../support/silent-log.ts'
import { toyMachine } from '../support/toy-machine.ts'
import { toyNetwork } from '../support/toy-network.ts'
import { ledgerContract } from './ledger.ts'

function place(openStore: () => BlockStore) {
  const network = toyNetwork('contract')
  const open = async (): Promise<Ledger> => {
    const store = openStore()
    const parts = { machine: toyMachine(network.genesis), store, signer: network.orderer, clock: realClock, log: silentLog() }
    const ledger = embedded({ genesis: network.genesis, blockTimeMs: 10 }, parts)
    void ledger.stopped.then(() => store.close())
    return ledger
  }
  return { network, fee: 0n, open }
}

ledgerContract('embedded, memory store', () => {
  const disk = new MemoryDisk()
  return place(() => memoryBlockStore({}, { disk }))
})
ledgerContract('embedded, SQLite', () => {
  const path = temporaryFolder()
  return place(() => sqliteBlockStore({ path }, { log: silentLog() }))
})
