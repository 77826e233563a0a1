/** A table whose rows belong to keys: a key is an attribute of a number that never changes, and empty rows are used again. */
import { NodeError } from '../../protocol/errors.ts'
import type { Column } from './column.ts'
import { Lookup } from './lookup.ts'

/** What every such table has: the key of each row, all zero where the row is empty, and the empty rows as a stack. */
interface KeyedParts {
  key: Column<Uint8Array>
  vacant: Column<number>
}
const ZERO = new Uint8Array(32)

export const isZero = (key: Uint8Array): boolean => key.every((byte) => byte === 0)

export const findRow = ({ key }: KeyedParts, lookup: Lookup, wanted: Uint8Array): number | undefined => {
  const row = lookup.candidate(wanted)
  return row !== undefined && key.holds(row, wanted) ? row : undefined
}

/** A row for a key that has none yet. `grow` makes the table's other columns as long. */
export function claimRow({ key, vacant }: KeyedParts, lookup: Lookup, wanted: Uint8Array, grow: (length: number) => void): number {
  let row = key.length
  if (vacant.length > 0) {
    row = vacant.get(vacant.length - 1)
    vacant.resize(vacant.length - 1)
    key.set(row, wanted)
  } else {
    key.push(wanted)
    grow(key.length)
  }
  lookup.add(wanted, row, (other) => key.get(other))
  return row
}

export function releaseRow({ key, vacant }: KeyedParts, lookup: Lookup, row: number): void {
  lookup.remove(key.get(row))
  key.set(row, ZERO)
  vacant.push(row)
}

/** The lookup of a loaded table. @throws NodeError LEDGER_STATE when a key stands twice or empty rows do not fit the stack */
export function indexRows({ key, vacant }: KeyedParts): Lookup {
  const lookup = new Lookup()
  let empty = 0
  for (let row = 0; row < key.length; row++) {
    const found = key.get(row)
    if (isZero(found)) empty++
    else lookup.add(found, row, (other) => key.get(other))
  }
  const stack = Array.from({ length: vacant.length }, (_, i) => vacant.get(i))
  if (stack.length !== empty || new Set(stack).size !== empty || stack.some((row) => row >= key.length || !isZero(key.get(row))))
    throw new NodeError('LEDGER_STATE', { detail: 'the empty rows of a table are not those it names' })
  return lookup
}
