/** The tables of `blocks.db`, reading a block with its checksum, and what is read again when a store is opened. */
import type { StoredBlock } from '../../protocol/ports/block-store.ts'
import { blockChecksum, NO_TOTALS, queryRowChecksum, ROW_TABLES, type RowTable, type Totals } from './block-rules.ts'
import type { Database, Row } from './database.ts'
import { storeCorrupt } from './failure.ts'

export const VERSION = 1
/**
 * Rows for queries lie in key order (so that a full pass sees every key a search would pass), with an index by the block that wrote
 * them for pruning. `oldest`, `row_count` and `row_sum` of a block say what the store holds after it, so that nothing goes missing unseen.
 */
export const SCHEMA = `CREATE TABLE block (height INTEGER PRIMARY KEY, hash BLOB NOT NULL, parent BLOB NOT NULL, state_root BLOB NOT NULL, oldest INTEGER NOT NULL, row_count INTEGER NOT NULL, row_sum INTEGER NOT NULL, crc INTEGER NOT NULL, block BLOB NOT NULL, results BLOB NOT NULL) STRICT;
CREATE TABLE row (kind TEXT NOT NULL, key TEXT NOT NULL, height INTEGER NOT NULL, crc INTEGER NOT NULL, value BLOB NOT NULL, PRIMARY KEY (kind, key)) STRICT, WITHOUT ROWID;
CREATE INDEX row_height ON row (height, crc);
CREATE TABLE snapshot (height INTEGER PRIMARY KEY, state_root BLOB NOT NULL, bytes INTEGER NOT NULL, chunks INTEGER NOT NULL, crc INTEGER NOT NULL) STRICT;
CREATE TABLE snapshot_chunk (height INTEGER NOT NULL, part INTEGER NOT NULL, crc INTEGER NOT NULL, value BLOB NOT NULL, PRIMARY KEY (height, part)) STRICT`

export interface VerifyLimits {
  /** Newest blocks read in full, as long as they are within `bytes`. */
  blocks: number
  bytes: number
  /** Rows for queries are read in full while there are no more than this. */
  rows: number
}
/** About two seconds on a slow core; `verify` of the whole store is for the operator. */
export const VERIFY_AT_OPEN: VerifyLimits = { blocks: 100_000, bytes: 128 * 2 ** 20, rows: 500_000 }

export interface FoundBlock {
  block: StoredBlock
  totals: Totals
}

/** A blob as plain bytes. */
export const bytesOf = (value: unknown): Uint8Array => (value instanceof Uint8Array ? value : new Uint8Array())

const COLUMNS = 'height, hash, parent, state_root, oldest, row_count, row_sum, crc, block, results'

/** @throws STORE_CORRUPT when the row does not fit its checksum */
export function readBlock(database: Database, height: number): FoundBlock | null {
  const row = database.get(`SELECT ${COLUMNS} FROM block WHERE height = ?`, height)
  return row === undefined ? null : decode(database.file, row)
}

function decode(file: string, row: Row): FoundBlock {
  const block: StoredBlock = {
    height: Number(row['height']),
    hash: bytesOf(row['hash']),
    parent: bytesOf(row['parent']),
    stateRoot: bytesOf(row['state_root']),
    block: bytesOf(row['block']),
    results: bytesOf(row['results']),
    rows: [],
  }
  const totals = { oldest: Number(row['oldest']), count: Number(row['row_count']), sum: Number(row['row_sum']) }
  if (row['crc'] !== blockChecksum(block, totals)) throw storeCorrupt(file, `block ${block.height}`, 'the checksum differs')
  return { block, totals }
}

/**
 * Reads the store again as far as `limits` say: blocks from the head down (checksum, chain of parents, no gap), then all rows for
 * queries (checksum, order of keys, count and sum as the head has it).
 * @returns the head, null when empty. @throws STORE_CORRUPT
 */
export function verifyStore(database: Database, limits: VerifyLimits): FoundBlock | null {
  const head = verifyBlocks(database, limits)
  const totals = head?.totals ?? NO_TOTALS
  if (totals.count <= limits.rows) verifyRows(database, totals)
  return head
}

function verifyBlocks(database: Database, limits: VerifyLimits): FoundBlock | null {
  let head: FoundBlock | null = null
  let above: StoredBlock | null = null
  let [blocks, bytes] = [0, 0]
  for (const row of database.each(`SELECT ${COLUMNS} FROM block ORDER BY height DESC`)) {
    const found = decode(database.file, row)
    const { block } = found
    head ??= found
    const follows = above === null || block.height === above.height - 1
    // Height 0 stays when the blocks after it are pruned: the only gap there may be.
    if (!follows && (block.height !== 0 || above?.height !== head.totals.oldest))
      throw storeCorrupt(database.file, `block ${(above?.height ?? 0) - 1}`, 'the row is missing')
    if (follows && above !== null && Buffer.compare(above.parent, block.hash) !== 0)
      throw storeCorrupt(database.file, `block ${above.height}`, 'its parent is not the block below')
    above = block
    blocks += 1
    bytes += block.block.length + block.results.length
    if (blocks >= limits.blocks || bytes >= limits.bytes) return head
  }
  if (above !== null && above.height !== 0) throw storeCorrupt(database.file, 'block 0', 'the row is missing')
  return head
}

function verifyRows(database: Database, expected: Totals): void {
  let [count, sum, last] = [0, 0, '']
  for (const row of database.each('SELECT kind, key, height, crc, value FROM row ORDER BY kind, key')) {
    const [kind, key] = [String(row['kind']), String(row['key'])]
    const checksum = queryRowChecksum(kind as RowTable, key, Number(row['height']), bytesOf(row['value']))
    if (row['crc'] !== checksum || !ROW_TABLES.includes(kind as RowTable))
      throw storeCorrupt(database.file, `${kind} ${key}`, 'the checksum differs')
    if (`${kind}\0${key}` <= last) throw storeCorrupt(database.file, `${kind} ${key}`, 'the keys are out of order')
    last = `${kind}\0${key}`
    count += 1
    sum = (sum + checksum) % 2 ** 32
  }
  if (count !== expected.count || sum !== expected.sum)
    throw storeCorrupt(database.file, 'the rows for queries', `${count} of ${expected.count} rows are there or their sum differs`)
}
