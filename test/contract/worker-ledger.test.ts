/** The contract of ledgers on the thread that a node starts: the ledger's own state machine over the addon. */
import { ledgerInWorker } from '../../src/node/ledger-host.ts'
import { encodeGenesis } from '../../src/protocol/genesis.ts'
import { temporaryFolder } from '../support/folders.ts'
import { silentLog } from '../support/silent-log.ts'
import { toyNetwork } from '../support/toy-network.ts'
import { ledgerContract } from './ledger.ts'

ledgerContract('embedded, in a worker', () => {
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
