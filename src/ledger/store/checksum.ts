/** CRC-32 of a row, kept beside it and compared on each read: SQLite pages carry no checksum (reliability.md 4.1, rule 5). */
import { crc32 } from 'node:zlib'
import { u32le } from '../../protocol/bytes.ts'

/** Numbers of a row as bytes for its checksum; any number a damaged row may hold has such bytes. */
export function numberBytes(...values: readonly number[]): Uint8Array {
  return new Uint8Array(Float64Array.from(values).buffer)
}

/**
 * CRC-32 over table, key and values. Each value is preceded by its length, so that bytes cannot move between two values unseen.
 */
export function rowChecksum(table: string, key: string | number, ...values: readonly Uint8Array[]): number {
  let sum = crc32(`${table}\0${key}\0`)
  for (const value of values) sum = crc32(value, crc32(u32le(value.length), sum))
  return sum
}
