/** The contract of record stores on SQLite. */
import { sqliteRecordStore } from '../../src/ledger/store/sqlite-record-store.ts'
import { temporaryFolder } from '../support/folders.ts'
import { silentLog } from '../support/silent-log.ts'
import { recordStoreContract } from './record-store.ts'

recordStoreContract('SQLite', () => {
  const path = temporaryFolder()
  return { open: () => sqliteRecordStore({ path }, { log: silentLog() }) }
})
