/**
 * One process a folder: an exclusive transaction held on `lock.db` for as long as the store is open. The kernel frees it when the
 * process dies, kill -9 included, so there is no stale lock to remove by hand.
 */
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { sqliteFailure } from './failure.ts'

/** @throws STORE_LOCKED naming the folder when another process (or store) holds it; STORE_FAILED */
export function lockFolder(folder: string): { release(): void } {
  const file = join(folder, 'lock.db')
  let database: DatabaseSync | undefined
  try {
    database = new DatabaseSync(file, { timeout: 0, allowExtension: false })
    database.exec('PRAGMA journal_mode=MEMORY; BEGIN EXCLUSIVE')
  } catch (error) {
    database?.close()
    throw sqliteFailure(file, error)
  }
  const held = database
  return { release: () => held.close() }
}
