/** Entry of the ledger's worker thread: the state machine of `ledger/state` over the addon. */
import { parentPort, workerData } from 'node:worker_threads'
import { openCompute } from './compute.ts'
import { useNativeHasher } from './hasher.ts'
import { ledgerMachine } from './ledger-machine.ts'
import { runLedgerThread, type LedgerThreadData } from './ledger-thread.ts'

useNativeHasher()
if (parentPort !== null)
  await runLedgerThread(parentPort, workerData as LedgerThreadData, (genesis) => ledgerMachine(genesis, openCompute()))
