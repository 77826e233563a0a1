/**
 * One SQLite database under the rules of reliability.md 4.1: write-ahead log, every commit synced, strict tables, no code from the
 * file, its own lock, and no life after the first failed write. The log is checkpointed here by hand, because SQLite's automatic
 * checkpoint swallows I/O errors.
 */
import { DatabaseSync, type SQLInputValue, type StatementSync } from 'node:sqlite'
import { NodeError } from '../../protocol/errors.ts'
import type { Log } from '../../protocol/ports/platform.ts'
import { sqliteFailure, storeCorrupt } from './failure.ts'

/** `TAUM`: says whose file this is. */
const APPLICATION_ID = 0x5441554d
/** What the log may hold before it is folded into the database: a fold of 4 MiB takes some tens of milliseconds. */
const LOG_BYTES_MAX = 4 * 2 ** 20
const CACHE_KIB = 32_768

export interface DatabaseOptions {
  /** Path of the database file; its folder exists. */
  file: string
  /** `CREATE TABLE ... STRICT` statements of a new database. */
  schema: string
  /** Format of the tables; a file of another format is refused. */
  version: number
  /** Whether a missing or empty file may be filled anew. */
  create: boolean
}
export type Row = Record<string, unknown>

export class Database {
  readonly file: string
  readonly #database: DatabaseSync
  readonly #log: Log
  readonly #statements = new Map<string, StatementSync>()
  #failure: NodeError | null = null
  #logBytes = 0

  /** @throws STORE_CORRUPT, STORE_LOCKED, STORE_VERSION, STORE_FAILED, STORE_FULL */
  constructor(options: DatabaseOptions, parts: { log: Log }) {
    this.file = options.file
    this.#log = parts.log
    let database: DatabaseSync | undefined
    try {
      database = new DatabaseSync(options.file, {
        timeout: 0,
        allowExtension: false,
        defensive: true,
        enableDoubleQuotedStringLiterals: false,
      })
      prepare(database, options)
    } catch (error) {
      database?.close()
      throw sqliteFailure(options.file, error)
    }
    this.#database = database
  }

  get dead(): boolean {
    return this.#failure !== null
  }

  /** Runs one statement that changes rows; gives how many. */
  run(sql: string, ...values: SQLInputValue[]): number {
    return Number(this.#guard(() => this.#prepared(sql).run(...values)).changes)
  }

  get(sql: string, ...values: SQLInputValue[]): Row | undefined {
    return this.#guard(() => this.#prepared(sql).get(...values)) as Row | undefined
  }

  all(sql: string, ...values: SQLInputValue[]): Row[] {
    return this.#guard(() => this.#prepared(sql).all(...values)) as Row[]
  }

  /** Rows one at a time; the statement must not be used again before the end. */
  *each(sql: string, ...values: SQLInputValue[]): IterableIterator<Row> {
    const rows = this.#guard(() => this.#prepared(sql).iterate(...values))
    try {
      while (true) {
        const step = this.#guard(() => rows.next())
        if (step.done === true) return
        yield step.value
      }
    } finally {
      rows.return?.()
    }
  }

  /**
   * One `BEGIN IMMEDIATE ... COMMIT`. A full disk rolls back and leaves the database usable; any other failure to write makes it
   * refuse everything from then on: after a failed commit SQLite would carry on as if nothing had happened.
   * @throws STORE_FULL, STORE_FAILED, and what `work` throws
   */
  write<T>(work: () => T): T {
    this.#alive()
    try {
      this.#database.exec('BEGIN IMMEDIATE')
      const result = work()
      this.#database.exec('COMMIT')
      return result
    } catch (error) {
      const failure = sqliteFailure(this.file, error)
      if (failure.code !== 'STORE_FULL' && failure.code !== 'STORE_ORDER') this.#failure = failure
      this.#rollBack()
      throw failure
    }
  }

  /** To be told of every write, after it is acknowledged or just before: folds the log once it has grown. @throws STORE_FAILED */
  wrote(bytes: number): void {
    this.#logBytes += bytes
    if (this.#logBytes >= LOG_BYTES_MAX) this.checkpoint('PASSIVE')
  }

  /** Folds the log into the database, with the syncs that make both durable. A full disk only postpones it. @throws STORE_FAILED */
  checkpoint(mode: 'PASSIVE' | 'TRUNCATE'): void {
    this.#alive()
    try {
      this.#database.exec(`PRAGMA wal_checkpoint(${mode})`)
      this.#logBytes = 0
    } catch (error) {
      const failure = sqliteFailure(this.file, error)
      if (failure.code === 'STORE_FULL') return this.#log.warn('the log of the database waits for disk space', { file: this.file })
      this.#failure = failure
      throw failure
    }
  }

  /** Bytes of the pages in use. */
  usedBytes(): number {
    const number = (name: string): number => Number(this.get(`PRAGMA ${name}`)?.[name])
    return (number('page_count') - number('freelist_count')) * number('page_size')
  }

  /** Declares the database dead after a failure beside it (its watermark): nothing may be written on top. */
  fail(failure: NodeError): NodeError {
    this.#failure ??= failure
    return failure
  }

  close(): void {
    if (this.#database.isOpen) this.#database.close()
    this.#failure ??= new NodeError('STORE_CLOSED', { file: this.file })
  }

  #prepared(sql: string): StatementSync {
    let statement = this.#statements.get(sql)
    if (statement === undefined) {
      statement = this.#database.prepare(sql)
      this.#statements.set(sql, statement)
    }
    return statement
  }

  #guard<T>(work: () => T): T {
    this.#alive()
    try {
      return work()
    } catch (error) {
      throw sqliteFailure(this.file, error)
    }
  }

  #alive(): void {
    if (this.#failure !== null) throw this.#failure
  }

  #rollBack(): void {
    try {
      if (this.#database.isTransaction) this.#database.exec('ROLLBACK')
    } catch (error) {
      this.#failure ??= sqliteFailure(this.file, error)
    }
  }
}

function prepare(database: DatabaseSync, options: DatabaseOptions): void {
  const pragma = (text: string): unknown => Object.values(database.prepare(`PRAGMA ${text}`).get() ?? {})[0]
  pragma('locking_mode=EXCLUSIVE') // first: the log's index then lives in memory, not in a shared file
  pragma('trusted_schema=OFF')
  pragma('cell_size_check=ON')
  pragma('mmap_size=0')
  pragma('temp_store=MEMORY')
  const empty = pragma('application_id') === 0 && pragma('user_version') === 0 && pragma('schema_version') === 0
  if (empty && !options.create) throw storeCorrupt(options.file, 'the header', 'the database is empty')
  if (pragma('journal_mode=WAL') !== 'wal') throw new NodeError('STORE_FAILED', { file: options.file, detail: 'no write-ahead log here' })
  pragma('synchronous=FULL')
  pragma('wal_autocheckpoint=0')
  pragma(`cache_size=-${CACHE_KIB}`)
  pragma(`journal_size_limit=${LOG_BYTES_MAX}`)
  if (empty) {
    database.exec(
      `BEGIN IMMEDIATE; ${options.schema}; PRAGMA application_id=${APPLICATION_ID}; PRAGMA user_version=${options.version}; COMMIT`,
    )
    return
  }
  const [id, version] = [pragma('application_id'), pragma('user_version')]
  if (id !== APPLICATION_ID) throw storeCorrupt(options.file, 'the header', 'this is not a database of taumesh')
  if (version !== options.version)
    throw new NodeError('STORE_VERSION', { file: options.file, found: String(version), known: options.version })
  checkSchema(database, options)
}

/** The tables must be those of the program, word by word: a crafted or damaged schema is not run. */
function checkSchema(database: DatabaseSync, options: DatabaseOptions): void {
  const found = database.prepare("SELECT sql FROM sqlite_schema WHERE name NOT LIKE 'sqlite_%' ORDER BY rowid").all()
  const expected = options.schema
    .split(';')
    .map((text) => text.trim())
    .filter((text) => text !== '')
  const texts = found.map((row) => String(row['sql']))
  if (texts.length !== expected.length || texts.some((text, i) => text !== expected[i]))
    throw storeCorrupt(options.file, 'sqlite_schema', 'the tables are not those of this program')
}
