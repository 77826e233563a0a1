/**
 * The durable block store: `blocks.db` (SQLite), `watermark` and `lock.db` in one folder. One append is one transaction, then the
 * watermark, and only then does it return (reliability.md 4.1). Every row is checked when it is read; what does not fit stops the
 * store with STORE_CORRUPT and changes nothing.
 */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { NodeError } from '../../protocol/errors.ts'
import type { BlockStore, StoredBlock } from '../../protocol/ports/block-store.ts'
import type { Log } from '../../protocol/ports/platform.ts'
import {
  addTo,
  blockChecksum,
  checkOrder,
  mayPrune,
  NO_TOTALS,
  PRUNED_PER_APPEND,
  queryRowChecksum,
  RETENTION,
  type Retention,
  type RowTable,
  type Totals,
  takeFrom,
} from './block-rules.ts'
import { Database } from './database.ts'
import { storeCorrupt } from './failure.ts'
import { makeFolder, syncFolder, WatermarkFile } from './files.ts'
import { lockFolder } from './lock.ts'
import { bytesOf, type FoundBlock, readBlock, SCHEMA, type VerifyLimits, VERIFY_AT_OPEN, verifyStore, VERSION } from './sqlite-blocks.ts'
import { newestSnapshot, oldestSnapshotHeight, saveSnapshot } from './sqlite-snapshots.ts'
import { continuityFault, type Mark } from './watermark.ts'

export interface SqliteBlockStoreOptions {
  /** Folder of the store; created when missing. */
  path: string
  retention?: Retention
  /** How much of a large store is read again when it is opened. */
  verify?: VerifyLimits
}

const DATABASE = 'blocks.db'
const WATERMARK = 'watermark'

/** Opens or creates a block store. @throws STORE_LOCKED, STORE_CORRUPT, STORE_VERSION, STORE_FAILED, STORE_FULL */
export function sqliteBlockStore(options: SqliteBlockStoreOptions, parts: { log: Log }): BlockStore {
  makeFolder(options.path)
  const lock = lockFolder(options.path)
  let database: Database | undefined
  let watermark: WatermarkFile | undefined
  try {
    const marked = WatermarkFile.exists(options.path, WATERMARK)
    if (marked) watermark = WatermarkFile.open(options.path, WATERMARK)
    const file = join(options.path, DATABASE)
    const promised = watermark !== undefined && watermark.found.mark.height >= 0
    if (promised && !existsSync(file)) throw storeCorrupt(file, 'the folder', 'the file is missing')
    database = new Database({ file, schema: SCHEMA, version: VERSION, create: !promised }, parts)
    const end = verifyStore(database, options.verify ?? VERIFY_AT_OPEN)
    if (watermark === undefined) {
      if (end !== null) throw storeCorrupt(join(options.path, WATERMARK), 'the folder', 'the file is missing beside stored blocks')
      watermark = WatermarkFile.create(options.path, WATERMARK)
    }
    const fault = continuityFault(watermark.found, end && { ...end.block, root: end.block.stateRoot })
    if (fault !== null) throw storeCorrupt(file, 'the head', fault)
    settle(options.path, database, watermark, end)
    return new SqliteBlockStore(options.retention ?? RETENTION, database, watermark, lock, end)
  } catch (error) {
    database?.close()
    watermark?.close()
    lock.release()
    throw error
  }
}

/** Makes what recovery found durable before anyone builds on it: the log is folded and synced, then the watermark follows. */
function settle(folder: string, database: Database, watermark: WatermarkFile, end: FoundBlock | null): void {
  database.checkpoint('TRUNCATE')
  syncFolder(folder)
  if (end === null) return
  const { mark, damaged } = watermark.found
  if (damaged || end.block.height > mark.height) watermark.move(markOf(end.block))
}

const markOf = (block: { height: number; hash: Uint8Array; stateRoot: Uint8Array }): Mark => ({
  height: block.height,
  hash: block.hash,
  root: block.stateRoot,
})

class SqliteBlockStore implements BlockStore {
  readonly #retention: Retention
  readonly #database: Database
  readonly #watermark: WatermarkFile
  readonly #lock: { release(): void }
  #head: { height: number; hash: Uint8Array; stateRoot: Uint8Array } | null
  #totals: Totals
  #open = true

  constructor(retention: Retention, database: Database, watermark: WatermarkFile, lock: { release(): void }, end: FoundBlock | null) {
    this.#retention = retention
    this.#database = database
    this.#watermark = watermark
    this.#lock = lock
    this.#head = end && { height: end.block.height, hash: end.block.hash, stateRoot: end.block.stateRoot }
    this.#totals = end?.totals ?? NO_TOTALS
  }

  head(): { height: number; hash: Uint8Array; stateRoot: Uint8Array } | null {
    return this.#head && { ...this.#head }
  }

  oldest(): number | null {
    return this.#totals.oldest === 0 ? null : this.#totals.oldest
  }

  append(block: StoredBlock): void {
    checkOrder(this.#head, block)
    let totals = this.#totals.oldest === 0 ? { ...this.#totals, oldest: block.height } : this.#totals
    this.#database.write(() => {
      for (const row of block.rows) totals = this.#writeRow(totals, block.height, row)
      totals = this.#prune(totals, block.height)
      this.#database.run(
        'INSERT INTO block VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)',
        block.height,
        block.hash,
        block.parent,
        block.stateRoot,
        totals.oldest,
        totals.count,
        totals.sum,
        blockChecksum(block, totals),
        block.block,
        block.results,
      )
    })
    try {
      this.#watermark.move(markOf(block))
    } catch (error) {
      throw this.#database.fail(error as NodeError)
    }
    this.#head = { height: block.height, hash: block.hash.slice(), stateRoot: block.stateRoot.slice() }
    this.#totals = totals
    this.#database.wrote(block.block.length + block.results.length + block.rows.length * 256)
  }

  load(height: number): StoredBlock | null {
    if (this.#head === null || height > this.#head.height || height < 0) return null
    const found = readBlock(this.#database, height)
    if (found !== null) return found.block
    if (height > 0 && (this.#totals.oldest === 0 || height < this.#totals.oldest)) return null
    throw storeCorrupt(this.#database.file, `block ${height}`, 'the row is missing')
  }

  row(table: RowTable, key: string): Uint8Array | null {
    const row = this.#database.get('SELECT height, value, crc FROM row WHERE kind = ? AND key = ?', table, key)
    return row === undefined ? null : this.#checked(table, key, row)
  }

  rows(table: RowTable, range: { from: string; to: string; limit: number; descending: boolean }): { key: string; value: Uint8Array }[] {
    const order = range.descending ? 'DESC' : 'ASC'
    const sql = `SELECT key, height, value, crc FROM row WHERE kind = ? AND key >= ? AND key <= ? ORDER BY key ${order} LIMIT ?`
    return this.#database
      .all(sql, table, range.from, range.to, Math.max(0, range.limit))
      .map((row) => ({ key: String(row['key']), value: this.#checked(table, String(row['key']), row) }))
  }

  saveSnapshot(height: number, stateRoot: Uint8Array, bytes: Uint8Array): void {
    const block = this.load(height)
    if (block === null || Buffer.compare(block.stateRoot, stateRoot) !== 0)
      throw new NodeError('STORE_ORDER', { height, detail: 'no block with this state root is stored there' })
    this.#database.write(() => saveSnapshot(this.#database, { height, stateRoot, bytes }))
    this.#database.wrote(bytes.length)
  }

  newestSnapshot(): { height: number; stateRoot: Uint8Array; bytes: Uint8Array } | null {
    return newestSnapshot(this.#database)
  }

  close(): void {
    if (!this.#open) return
    this.#open = false
    try {
      if (!this.#database.dead) this.#database.checkpoint('TRUNCATE')
    } finally {
      this.#database.close()
      this.#watermark.close()
      this.#lock.release()
    }
  }

  #checked(table: RowTable, key: string, row: Record<string, unknown>): Uint8Array {
    const value = bytesOf(row['value'])
    if (row['crc'] !== queryRowChecksum(table, key, Number(row['height']), value))
      throw storeCorrupt(this.#database.file, `${table} ${key}`, 'the checksum differs')
    return value
  }

  #writeRow(totals: Totals, height: number, row: StoredBlock['rows'][number]): Totals {
    const old = this.#database.get('SELECT crc FROM row WHERE kind = ? AND key = ?', row.table, row.key)
    const checksum = queryRowChecksum(row.table, row.key, height, row.value)
    this.#database.run('INSERT OR REPLACE INTO row VALUES (?, ?, ?, ?, ?)', row.table, row.key, height, checksum, row.value)
    return addTo(old === undefined ? totals : takeFrom(totals, Number(old['crc'])), checksum)
  }

  /** Drops the oldest blocks with the rows they wrote, inside the append that makes them too many. */
  #prune(totals: Totals, head: number): Totals {
    const [oldestSnapshot, usedBytes] = [oldestSnapshotHeight(this.#database), this.#database.usedBytes()]
    let left = totals
    for (let i = 0; i < PRUNED_PER_APPEND && mayPrune({ oldest: left.oldest, head, oldestSnapshot, usedBytes }, this.#retention); i++) {
      const { oldest } = left
      for (const row of this.#database.all('SELECT crc FROM row WHERE height = ?', oldest)) left = takeFrom(left, Number(row['crc']))
      this.#database.run('DELETE FROM row WHERE height = ?', oldest)
      this.#database.run('DELETE FROM block WHERE height = ?', oldest)
      left = { ...left, oldest: oldest + 1 }
    }
    return left
  }
}
