/** A named table of records in `records.db`, bounded by rows: the one written longest ago goes first. */
import type { RecordTable } from '../../protocol/ports/records.ts'
import { numberBytes, rowChecksum } from './checksum.ts'
import type { Row } from './database.ts'
import { storeCorrupt } from './failure.ts'
import { answerRows, checkKey, checkValue, keyRange } from './record-rules.ts'
import { bytesOf } from './sqlite-blocks.ts'
import type { Write, Writer } from './record-writer.ts'

export function sqliteTable(options: { name: string; maxRows: number }, writer: Writer): RecordTable {
  const { name, maxRows } = options
  const { database } = writer
  const checksum = (key: string, written: number, value: Uint8Array): number =>
    rowChecksum(`record ${name}`, key, numberBytes(written), value)
  const checked = (key: string, row: Row): Uint8Array => {
    const value = bytesOf(row['value'])
    if (row['crc'] !== checksum(key, Number(row['written']), value))
      throw storeCorrupt(database.file, `record ${name} ${key}`, 'the checksum differs')
    return value
  }
  /** Rows of the table, null while unknown: counting takes as long as the table is. */
  let rows: number | null = null
  const put = (key: string, value: Uint8Array): number => {
    const known = database.get('SELECT 1 FROM record WHERE name = ? AND key = ?', name, key) !== undefined
    const written = Number(database.get('SELECT max(written) AS written FROM record WHERE name = ?', name)?.['written'] ?? 0) + 1
    const crc = checksum(key, written, value)
    database.run('INSERT OR REPLACE INTO record VALUES (?, ?, ?, ?, ?)', name, key, written, crc, value)
    rows =
      rows === null ? Number(database.get('SELECT count(*) AS count FROM record WHERE name = ?', name)?.['count']) : rows + (known ? 0 : 1)
    if (rows > maxRows) {
      const oldest = 'DELETE FROM record WHERE name = ? AND key IN (SELECT key FROM record WHERE name = ? ORDER BY written LIMIT ?)'
      rows -= database.run(oldest, name, name, rows - maxRows)
    }
    return crc
  }
  const submit = async (write: Write): Promise<void> => {
    try {
      await writer.submit(write)
    } catch (error) {
      rows = null // rolled back, perhaps together with others
      throw error
    }
  }
  return {
    get: async (key) => {
      const row = database.get('SELECT written, crc, value FROM record WHERE name = ? AND key = ?', name, key)
      return row === undefined ? null : checked(key, row)
    },
    put: async (key, value) => {
      checkKey(key)
      checkValue(value)
      const kept = value.slice()
      await submit({ bytes: kept.length + key.length, run: () => [put(key, kept)] })
    },
    delete: async (key) => {
      await submit({
        bytes: key.length,
        run: () => {
          const deleted = database.run('DELETE FROM record WHERE name = ? AND key = ?', name, key)
          if (rows !== null) rows -= deleted
          return [deleted]
        },
      })
    },
    entries: async (prefix, limit, after) => {
      const { from, exclusive, to } = keyRange(prefix, after)
      const sql = `SELECT key, written, crc, value FROM record WHERE name = ? AND key ${exclusive ? '>' : '>='} ? AND key < ? ORDER BY key LIMIT ?`
      return database
        .all(sql, name, from, to, answerRows(limit))
        .map((row) => ({ key: String(row['key']), value: checked(String(row['key']), row) }))
    },
  }
}
