/** A record store in memory, for simulators and tests: the rules of the durable one. */
import { NodeError } from '../../protocol/errors.ts'
import type { RecordList, RecordStore, RecordTable } from '../../protocol/ports/records.ts'
import { answerRows, checkBound, checkItems, checkKey, checkName, checkValue, keyRange, NAMES_MAX } from './record-rules.ts'

interface List {
  first: number
  items: Uint8Array[]
  bytes: number
}
/** What survives the store, as a disk does. */
export class MemoryRecords {
  /** Rows in the order in which they were last written. */
  readonly tables = new Map<string, Map<string, Uint8Array>>()
  readonly lists = new Map<string, List>()
}

export function memoryRecordStore(parts: { disk?: MemoryRecords } = {}): RecordStore {
  const disk = parts.disk ?? new MemoryRecords()
  let open = true
  const alive = (): void => {
    if (!open) throw new NodeError('STORE_CLOSED', { file: 'memory' })
  }
  const named = <T>(names: Map<string, T>, name: string, fresh: () => T): T => {
    checkName(name)
    const found = names.get(name)
    if (found !== undefined) return found
    if (disk.tables.size + disk.lists.size >= NAMES_MAX) throw new NodeError('STORE_LIMIT', { detail: `at most ${NAMES_MAX} names` })
    const made = fresh()
    names.set(name, made)
    return made
  }
  return {
    table(name, { maxRows }) {
      alive()
      checkBound('maxRows', maxRows)
      const rows = named(disk.tables, name, () => new Map<string, Uint8Array>())
      trimRows(rows, maxRows)
      return memoryTable(rows, maxRows, alive)
    },
    list(name, { maxBytes }) {
      alive()
      checkBound('maxBytes', maxBytes)
      const list = named(disk.lists, name, () => ({ first: 0, items: [], bytes: 0 }))
      trimItems(list, maxBytes)
      return memoryList(list, maxBytes, alive)
    },
    close: async () => {
      open = false
    },
  }
}

function memoryTable(rows: Map<string, Uint8Array>, maxRows: number, alive: () => void): RecordTable {
  return {
    get: async (key) => {
      alive()
      return rows.get(key)?.slice() ?? null
    },
    put: async (key, value) => {
      alive()
      checkKey(key)
      checkValue(value)
      rows.delete(key)
      rows.set(key, value.slice())
      trimRows(rows, maxRows)
    },
    delete: async (key) => {
      alive()
      rows.delete(key)
    },
    entries: async (prefix, limit, after) => {
      alive()
      const { from, exclusive, to } = keyRange(prefix, after)
      const keys = [...rows.keys()].filter((key) => (exclusive ? key > from : key >= from) && key < to).sort()
      return keys.slice(0, answerRows(limit)).map((key) => ({ key, value: rows.get(key)!.slice() }))
    },
  }
}

function memoryList(list: List, maxBytes: number, alive: () => void): RecordList {
  return {
    append: async (items) => {
      alive()
      checkItems(items)
      const index = list.first + list.items.length
      for (const item of items) {
        list.items.push(item.slice())
        list.bytes += item.length
      }
      trimItems(list, maxBytes)
      return index
    },
    range: async (from, count) => {
      alive()
      const start = Math.max(0, from - list.first)
      const end = Math.max(start, from + answerRows(count) - list.first)
      return list.items.slice(start, end).map((value, i) => ({ index: list.first + start + i, value: value.slice() }))
    },
    bounds: async () => {
      alive()
      return { first: list.first, next: list.first + list.items.length }
    },
  }
}

function trimRows(rows: Map<string, Uint8Array>, maxRows: number): void {
  for (const key of rows.keys()) {
    if (rows.size <= maxRows) return
    rows.delete(key)
  }
}

function trimItems(list: List, maxBytes: number): void {
  let [dropped, bytes] = [0, list.bytes]
  while (bytes > maxBytes && dropped < list.items.length) bytes -= list.items[dropped++]!.length
  if (dropped === 0) return
  list.items.splice(0, dropped)
  list.first += dropped
  list.bytes = bytes
}
