/** The contract of record stores on the memory store. */
import { MemoryRecords, memoryRecordStore } from '../../src/ledger/store/memory-record-store.ts'
import { recordStoreContract } from './record-store.ts'

recordStoreContract('memory', () => {
  const disk = new MemoryRecords()
  return { open: () => memoryRecordStore({ disk }) }
})
