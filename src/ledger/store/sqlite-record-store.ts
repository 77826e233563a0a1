/**
 * The durable record store: `records.db` with a watermark of its own in one folder. Writes that arrive together share one commit and
 * one watermark; each resolves when both are synced. It keeps evidence and tokens, so it is checked with the care of the block store.
 */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { fromHex, toHex } from '../../protocol/bytes.ts'
import { NodeError } from '../../protocol/errors.ts'
import { sha256 } from '../../protocol/hash.ts'
import type { Log } from '../../protocol/ports/platform.ts'
import type { RecordList, RecordStore, RecordTable } from '../../protocol/ports/records.ts'
import { Database } from './database.ts'
import { storeCorrupt } from './failure.ts'
import { makeFolder, syncFolder, WatermarkFile } from './files.ts'
import { checkBound, checkName, NAMES_MAX, WAITING_BYTES_MAX, WAITING_MAX } from './record-rules.ts'
import { numberBytes, rowChecksum } from './checksum.ts'
import type { Write, Writer } from './record-writer.ts'
import { sqliteList } from './sqlite-list.ts'
import { sqliteTable } from './sqlite-table.ts'
import { continuityFault, type StoreEnd } from './watermark.ts'

const DATABASE = 'records.db'
const WATERMARK = 'records-watermark'
const VERSION = 1
/** `journal` has one row: the number of commits and a hash chained over what each wrote, which the watermark promises. */
const SCHEMA = `CREATE TABLE journal (id INTEGER PRIMARY KEY, commits INTEGER NOT NULL, parent TEXT NOT NULL, digest TEXT NOT NULL, crc INTEGER NOT NULL) STRICT;
CREATE TABLE record (name TEXT NOT NULL, key TEXT NOT NULL, written INTEGER NOT NULL, crc INTEGER NOT NULL, value BLOB NOT NULL, PRIMARY KEY (name, key)) STRICT, WITHOUT ROWID;
CREATE INDEX record_written ON record (name, written);
CREATE TABLE list (name TEXT PRIMARY KEY, first INTEGER NOT NULL, next INTEGER NOT NULL, bytes INTEGER NOT NULL, crc INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE item (name TEXT NOT NULL, number INTEGER NOT NULL, crc INTEGER NOT NULL, value BLOB NOT NULL, PRIMARY KEY (name, number)) STRICT, WITHOUT ROWID`

/** Opens or creates a record store in folder `path`. @throws STORE_LOCKED, STORE_CORRUPT, STORE_VERSION, STORE_FAILED, STORE_FULL */
export function sqliteRecordStore(options: { path: string }, parts: { log: Log }): RecordStore {
  makeFolder(options.path)
  const file = join(options.path, DATABASE)
  let database: Database | undefined
  let watermark: WatermarkFile | undefined
  try {
    if (WatermarkFile.exists(options.path, WATERMARK)) watermark = WatermarkFile.open(options.path, WATERMARK)
    const promised = watermark !== undefined && watermark.found.mark.height >= 0
    if (promised && !existsSync(file)) throw storeCorrupt(file, 'the folder', 'the file is missing')
    database = new Database({ file, schema: SCHEMA, version: VERSION, create: !promised }, parts)
    const end = readJournal(database)
    if (watermark === undefined) {
      if (end !== null) throw storeCorrupt(join(options.path, WATERMARK), 'the folder', 'the file is missing beside stored records')
      watermark = WatermarkFile.create(options.path, WATERMARK)
    }
    const fault = continuityFault(watermark.found, end)
    if (fault !== null) throw storeCorrupt(file, 'journal', fault)
    database.checkpoint('TRUNCATE')
    syncFolder(options.path)
    if (end !== null && (watermark.found.damaged || end.height > watermark.found.mark.height)) watermark.move(end)
    return new SqliteRecordStore(database, watermark, end)
  } catch (error) {
    database?.close()
    watermark?.close()
    throw error
  }
}

interface Waiting extends Write {
  done: (error: NodeError | null) => void
}

class SqliteRecordStore implements RecordStore, Writer {
  readonly database: Database
  readonly #watermark: WatermarkFile
  #end: StoreEnd | null
  #waiting: Waiting[] = []
  #waitingBytes = 0
  #scheduled: NodeJS.Immediate | null = null
  readonly #names = new Set<string>()
  #open = true

  constructor(database: Database, watermark: WatermarkFile, end: StoreEnd | null) {
    this.database = database
    this.#watermark = watermark
    this.#end = end
  }

  table(name: string, limits: { maxRows: number }): RecordTable {
    checkBound('maxRows', limits.maxRows)
    this.#name(`table ${name}`, name)
    return sqliteTable({ name, ...limits }, this)
  }

  list(name: string, limits: { maxBytes: number }): RecordList {
    checkBound('maxBytes', limits.maxBytes)
    this.#name(`list ${name}`, name)
    return sqliteList({ name, ...limits }, this)
  }

  submit(write: Write): Promise<void> {
    if (!this.#open) return Promise.reject(new NodeError('STORE_CLOSED', { file: this.database.file }))
    if (this.#waiting.length >= WAITING_MAX || this.#waitingBytes + write.bytes > WAITING_BYTES_MAX)
      return Promise.reject(new NodeError('STORE_BUSY', { file: this.database.file }))
    this.#waitingBytes += write.bytes
    this.#scheduled ??= setImmediate(() => this.#flush())
    return new Promise((resolve, reject) => {
      this.#waiting.push({ ...write, done: (error) => (error === null ? resolve() : reject(error)) })
    })
  }

  async close(): Promise<void> {
    if (!this.#open) return
    this.#open = false
    this.#flush()
    try {
      if (!this.database.dead) this.database.checkpoint('TRUNCATE')
    } finally {
      this.database.close()
      this.#watermark.close()
    }
  }

  #name(kind: string, name: string): void {
    checkName(name)
    if (!this.#open) throw new NodeError('STORE_CLOSED', { file: this.database.file })
    this.#names.add(kind)
    if (this.#names.size > NAMES_MAX) throw new NodeError('STORE_LIMIT', { detail: `at most ${NAMES_MAX} names` })
  }

  /** All waiting writes in one commit, then the watermark, then their promises. */
  #flush(): void {
    if (this.#scheduled !== null) clearImmediate(this.#scheduled)
    const [waiting, bytes] = [this.#waiting, this.#waitingBytes]
    this.#scheduled = null
    this.#waiting = []
    this.#waitingBytes = 0
    if (waiting.length === 0) return
    let failure: NodeError | null = null
    try {
      const end = this.database.write(() =>
        writeJournal(
          this.database,
          this.#end,
          waiting.flatMap((write) => write.run()),
        ),
      )
      this.#end = end
      this.#promise(end)
      this.database.wrote(bytes + waiting.length * 256)
    } catch (error) {
      failure = error as NodeError
    }
    for (const write of waiting) write.done(failure)
  }

  #promise(end: StoreEnd): void {
    try {
      this.#watermark.move(end)
    } catch (error) {
      throw this.database.fail(error as NodeError)
    }
  }
}

const journalChecksum = (commits: number, parent: string, digest: string): number =>
  rowChecksum('journal', `${parent}/${digest}`, numberBytes(commits))

function writeJournal(database: Database, end: StoreEnd | null, checksums: readonly number[]): StoreEnd {
  const commits = (end?.height ?? -1) + 1
  const parent = end?.hash ?? new Uint8Array(32)
  const hash = sha256(Buffer.concat([parent, numberBytes(commits, ...checksums)]))
  const [before, after] = [toHex(parent), toHex(hash)]
  database.run('INSERT OR REPLACE INTO journal VALUES (1, ?, ?, ?, ?)', commits, before, after, journalChecksum(commits, before, after))
  return { height: commits, hash, parent, root: hash }
}

function readJournal(database: Database): StoreEnd | null {
  const row = database.get('SELECT commits, parent, digest, crc FROM journal WHERE id = 1')
  if (row === undefined) return null
  const [commits, parent, digest] = [Number(row['commits']), String(row['parent']), String(row['digest'])]
  if (row['crc'] !== journalChecksum(commits, parent, digest)) throw storeCorrupt(database.file, 'journal', 'the checksum differs')
  const hash = fromHex(digest)
  return { height: commits, hash, parent: fromHex(parent), root: hash }
}
