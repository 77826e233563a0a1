/** The contract of ledgers on the embedded engine in a worker thread. */
import { ledgerInWorker } from '../../src/node/ledger-host.ts'
import { encodeGenesis } from '../../src/protocol/genesis.ts'
import { temporaryFolder } from '../support/folders.ts'
import { silentLog } from '../support/silent-log.ts'
import { toyNetwork } from '../support/toy-network.ts'
import { ledgerContract } from './ledger.ts'

/** The thread that a node starts, with the ledger's own state machine over the addon. */
ledgerContract('embedded, in a worker, the real state machine', () => {
  const [network, path] = [toyNetwork('contract'), temporaryFolder()]
  return {
    network,
    fee: network.genesis.parameters.baseFee,
    open: () =>
      ledgerInWorker(
        { genesis: encodeGenesis(network.genesis), store: { path }, engine: { blockTimeMs: 10 } },
        { signer: network.orderer, log: silentLog() },
      ),
  }
})

const entry = new URL('../support/toy-ledger-worker.ts', import.meta.url)

ledgerContract('embedded, in a worker', () => {
  const [network, path] = [toyNetwork('contract'), temporaryFolder()]
  return {
    network,
    fee: 0n,
    open: () =>
      ledgerInWorker(
        { entry, genesis: encodeGenesis(network.genesis), store: { path }, engine: { blockTimeMs: 10 } },
        { signer: network.orderer, log: silentLog() },
      ),
  }
})
