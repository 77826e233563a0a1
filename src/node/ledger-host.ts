/** Starts the ledger in a worker thread, so that executing blocks and syncing the disk never hold up the main thread. */
import { extname } from 'node:path'
import { Worker } from 'node:worker_threads'
import { remoteLedger, type RemoteLedger } from '../ledger/engines/embedded/remote-ledger.ts'
import type { Log, Signer } from '../protocol/ports/platform.ts'
import type { LedgerThreadData } from './ledger-thread.ts'

/** How long a closing thread may take for its last block and snapshot before it is ended; what it acknowledged is safe either way. */
const CLOSE_MS = 10_000

export interface LedgerHostOptions extends Omit<LedgerThreadData, 'signer'> {
  /** Entry file of the thread. */
  entry?: URL
}

/** Resolves when the state is recovered. @throws what opening failed with (STORE_*, LEDGER_*), LEDGER_STOPPED when the thread died */
export async function ledgerInWorker(options: LedgerHostOptions, parts: { signer: Signer; log: Log }): Promise<RemoteLedger> {
  const { entry = defaultEntry(), ...rest } = options
  const { scheme, publicKey } = parts.signer
  const workerData: LedgerThreadData = { ...rest, signer: { scheme, publicKey } }
  const worker = new Worker(entry, { workerData, name: 'ledger' })
  const gone = new Promise<void>((resolve) => worker.once('exit', () => resolve()))
  try {
    const ledger = await remoteLedger(worker, parts, (tell) => {
      worker.once('error', (error: Error) => tell(`its thread failed: ${error.message}`))
      worker.once('exit', (code) => tell(`its thread ended with code ${code}`))
    })
    const close = ledger.close.bind(ledger)
    ledger.close = async () => {
      const overdue = setTimeout(() => void worker.terminate(), CLOSE_MS)
      await close()
      await gone
      clearTimeout(overdue)
    }
    return ledger
  } catch (error) {
    await gone
    throw error
  }
}

/** Beside this file, with its extension: sources run as they are, the built package as JavaScript. */
const defaultEntry = (): URL => new URL(`./ledger-worker${extname(import.meta.url)}`, import.meta.url)
