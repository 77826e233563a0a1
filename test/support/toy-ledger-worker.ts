/** Entry of a ledger thread with the toy machine. */
import { parentPort, workerData } from 'node:worker_threads'
import { type LedgerThreadData, runLedgerThread } from '../../src/node/ledger-thread.ts'
import { toyMachine } from './toy-machine.ts'

if (parentPort !== null) await runLedgerThread(parentPort, workerData as LedgerThreadData, (genesis) => toyMachine(genesis))
