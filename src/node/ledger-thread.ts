/**
 * What runs inside the ledger's worker thread: the store, the state machine and the embedded engine, served to the host over the
 * thread's port. An entry file of a worker calls `runLedgerThread` with the machine it wants and does nothing else.
 */
import type { MessagePort } from 'node:worker_threads'
import { type End, plainError, type SignerFacts, type ToHost, type ToWorker } from '../ledger/engines/embedded/channel.ts'
import { embedded, type EmbeddedOptions } from '../ledger/engines/embedded/embedded.ts'
import { hostLog, hostSigner, serveLedger } from '../ledger/engines/embedded/ledger-server.ts'
import type { Machine } from '../ledger/engines/embedded/machine.ts'
import { sqliteBlockStore, type SqliteBlockStoreOptions } from '../ledger/store/sqlite-block-store.ts'
import { decodeGenesis, type Genesis } from '../protocol/genesis.ts'
import { systemClock } from './system-clock.ts'

/** What the host hands to the thread at its start (`workerData`). */
export interface LedgerThreadData {
  /** Canonical bytes of the genesis. */
  genesis: Uint8Array
  store: SqliteBlockStoreOptions
  engine: Omit<EmbeddedOptions, 'genesis'>
  /** The orderer's public key; the host signs. */
  signer: SignerFacts
}

/** Serves the ledger until the host closes it; then the thread has nothing left to do and ends. Never throws: the host is told. */
export async function runLedgerThread<State>(
  port: MessagePort,
  data: LedgerThreadData,
  machineOf: (genesis: Genesis) => Machine<State>,
): Promise<void> {
  const end: End<ToHost, ToWorker> = port
  try {
    const [log, signer] = [hostLog(end), hostSigner(data.signer, end)]
    const genesis = decodeGenesis(data.genesis)
    const store = sqliteBlockStore(data.store, { log })
    try {
      const ledger = embedded({ ...data.engine, genesis }, { machine: machineOf(genesis), store, signer, clock: systemClock, log })
      await serveLedger(ledger, end, () => store.close())
    } finally {
      store.close()
    }
  } catch (error) {
    end.postMessage({ type: 'stopped', error: plainError(error) })
  }
  port.close()
}
