/** A named append-only list in `records.db`, bounded by bytes: the oldest items go first, indices stay. */
import type { RecordList } from '../../protocol/ports/records.ts'
import { numberBytes, rowChecksum } from './checksum.ts'
import { storeCorrupt } from './failure.ts'
import { answerRows, checkItems } from './record-rules.ts'
import { bytesOf } from './sqlite-blocks.ts'
import type { Writer } from './record-writer.ts'

interface Bounds {
  first: number
  next: number
  bytes: number
}

export function sqliteList(options: { name: string; maxBytes: number }, writer: Writer): RecordList {
  const { name, maxBytes } = options
  const { database } = writer
  const boundsChecksum = (at: Bounds): number => rowChecksum('list', name, numberBytes(at.first, at.next, at.bytes))
  const itemChecksum = (index: number, value: Uint8Array): number => rowChecksum(`item ${name}`, index, value)
  const corrupt = (where: string): Error => storeCorrupt(database.file, where, 'the checksum differs or it is missing')

  const read = (): Bounds => {
    const row = database.get('SELECT first, next, bytes, crc FROM list WHERE name = ?', name)
    if (row === undefined) return { first: 0, next: 0, bytes: 0 }
    const bounds = { first: Number(row['first']), next: Number(row['next']), bytes: Number(row['bytes']) }
    if (row['crc'] !== boundsChecksum(bounds)) throw corrupt(`list ${name}`)
    return bounds
  }
  const item = (index: number): Uint8Array => {
    const row = database.get('SELECT crc, value FROM item WHERE name = ? AND number = ?', name, index)
    const value = bytesOf(row?.['value'])
    if (row?.['crc'] !== itemChecksum(index, value)) throw corrupt(`item ${name} ${index}`)
    return value
  }
  const append = (items: readonly Uint8Array[]): { index: number; checksums: number[] } => {
    const at = read()
    const index = at.next
    const checksums = items.map((value) => {
      const crc = itemChecksum(at.next, value)
      database.run('INSERT INTO item VALUES (?, ?, ?, ?)', name, at.next, crc, value)
      at.next += 1
      at.bytes += value.length
      return crc
    })
    while (at.bytes > maxBytes && at.first < at.next) {
      at.bytes -= item(at.first).length
      database.run('DELETE FROM item WHERE name = ? AND number = ?', name, at.first)
      at.first += 1
    }
    database.run('INSERT OR REPLACE INTO list VALUES (?, ?, ?, ?, ?)', name, at.first, at.next, at.bytes, boundsChecksum(at))
    return { index, checksums }
  }
  return {
    append: async (items) => {
      checkItems(items)
      const kept = items.map((value) => value.slice())
      let index = -1
      await writer.submit({
        bytes: kept.reduce((sum, value) => sum + value.length, 0),
        run: () => {
          const written = append(kept)
          index = written.index
          return written.checksums
        },
      })
      return index
    },
    range: async (from, count) => {
      const { first, next } = read()
      const start = Math.max(from, first)
      const end = Math.min(from + answerRows(count), next)
      return Array.from({ length: Math.max(0, end - start) }, (_, i) => ({ index: start + i, value: item(start + i) }))
    },
    bounds: async () => {
      const { first, next } = read()
      return { first, next }
    },
  }
}
