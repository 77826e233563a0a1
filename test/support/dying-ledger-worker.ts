/** Entry of a ledger thread that dies in the middle of its third block. */
import { parentPort, workerData } from 'node:worker_threads'
import { type LedgerThreadData, runLedgerThread } from '../../src/node/ledger-thread.ts'
import { toyMachine } from './toy-machine.ts'

if (parentPort !== null)
  await runLedgerThread(parentPort, workerData as LedgerThreadData, (genesis) => {
    const machine = toyMachine(genesis)
    const apply = machine.apply.bind(machine)
    machine.apply = (state, block) => (block.height === 3 ? process.exit(3) : apply(state, block))
    return machine
  })
