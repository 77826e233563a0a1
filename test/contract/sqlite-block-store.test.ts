/** The contract of block stores on SQLite. */
import { sqliteBlockStore } from '../../src/ledger/store/sqlite-block-store.ts'
import { temporaryFolder } from '../support/folders.ts'
import { silentLog } from '../support/silent-log.ts'
import { blockStoreContract } from './block-store.ts'

blockStoreContract('SQLite', () => {
  const path = temporaryFolder()
  return { open: (retention) => sqliteBlockStore({ path, ...(retention && { retention }) }, { log: silentLog() }) }
})
