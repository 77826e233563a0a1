/** What every record store holds to: names, sizes and bounds of records. */
import { NodeError } from '../../protocol/errors.ts'

/** Tables and lists in one store: the rooms that keep records are few. */
export const NAMES_MAX = 256
const VALUE_BYTES_MAX = 16 * 2 ** 20
/** Items in one append, and rows in one answer. */
const ITEMS_MAX = 10_000
/** Writes that may wait for the next commit, and their bytes: beyond, the writer is told to come later. */
export const WAITING_MAX = 10_000
export const WAITING_BYTES_MAX = 64 * 2 ** 20

const NAME = /^[a-z0-9][a-z0-9._-]{0,63}$/
/** Keys in ASCII sort alike in SQLite and in JavaScript. */
const KEY = /^[\x20-\x7e]{1,256}$/
/** Above every key. */
const KEY_END = '\x7f'

const limit = (detail: string): NodeError => new NodeError('STORE_LIMIT', { detail })

/** @throws STORE_LIMIT */
export function checkName(name: string): void {
  if (!NAME.test(name)) throw limit('a name is 1 to 64 of a-z 0-9 . _ -')
}
/** @throws STORE_LIMIT */
export function checkKey(key: string): void {
  if (!KEY.test(key)) throw limit('a key is 1 to 256 printable ASCII characters')
}
/** @throws STORE_LIMIT */
export function checkValue(value: Uint8Array): void {
  if (value.length > VALUE_BYTES_MAX) throw limit(`a value has at most ${VALUE_BYTES_MAX} bytes`)
}
/** @throws STORE_LIMIT */
export function checkItems(items: readonly Uint8Array[]): void {
  if (items.length > ITEMS_MAX) throw limit(`at most ${ITEMS_MAX} items at once`)
  items.forEach(checkValue)
}
/** @throws STORE_LIMIT */
export function checkBound(what: string, value: number): void {
  if (!Number.isSafeInteger(value) || value < 1) throw limit(`${what} must be a whole number above 0`)
}

/** The keys that start with `prefix` and come after `after`: lower bound (excluded when `after` is given), upper bound (excluded). */
export function keyRange(prefix: string, after: string | undefined): { from: string; exclusive: boolean; to: string } {
  const to = `${prefix}${KEY_END}`
  return after !== undefined && after >= prefix ? { from: after, exclusive: true, to } : { from: prefix, exclusive: false, to }
}
/** How many rows an answer may hold. */
export const answerRows = (asked: number): number => Math.max(0, Math.min(Math.trunc(asked), ITEMS_MAX))
