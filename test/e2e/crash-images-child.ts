/** Writes blocks, snapshots and prunes, closes and opens again; says after each block that it is acknowledged. Recorded by strace. */
import { writeSync } from 'node:fs'
import { sqliteBlockStore } from '../../src/ledger/store/sqlite-block-store.ts'
import { silentLog } from '../support/silent-log.ts'
import { IMAGE_BLOCKS, IMAGE_RETENTION, imageBlocks } from './crash-images-run.ts'

const [, , path = ''] = process.argv
const blocks = imageBlocks()
let store = sqliteBlockStore({ path, retention: IMAGE_RETENTION }, { log: silentLog() })
for (const block of blocks) {
  store.append(block)
  writeSync(1, `ack ${block.height}\n`)
  if (block.height % 9 === 8) store.saveSnapshot(block.height, block.stateRoot, block.block)
  if (block.height === IMAGE_BLOCKS >> 1) {
    store.close()
    store = sqliteBlockStore({ path, retention: IMAGE_RETENTION }, { log: silentLog() })
  }
}
