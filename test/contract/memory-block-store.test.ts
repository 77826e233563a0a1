/** The contract of block stores on the memory store. */
import { memoryBlockStore } from '../../src/ledger/store/memory-block-store.ts'
import { MemoryDisk } from '../../src/ledger/store/memory-disk.ts'
import { blockStoreContract } from './block-store.ts'

blockStoreContract('memory', () => {
  const disk = new MemoryDisk()
  return { open: (retention) => memoryBlockStore(retention ? { retention } : {}, { disk }) }
})
