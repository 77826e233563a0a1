/** Bytes and their text forms. Keys are 32 bytes; inside the program they are compared and used in maps as `Hex`. */
import { concatBytes, hexToBytes } from '@noble/hashes/utils.js'

/** Lower-case hexadecimal text without `0x`. */
export type Hex = string

export const toHex = (bytes: Uint8Array): Hex => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('hex')

/** Bytes of hexadecimal text, with or without `0x`. Throws on an odd length or another character. */
export const fromHex = (text: string): Uint8Array => hexToBytes(text.startsWith('0x') ? text.slice(2) : text)

export const concat = (...parts: Uint8Array[]): Uint8Array => concatBytes(...parts)

export const equal = (a: Uint8Array, b: Uint8Array): boolean => a.length === b.length && a.every((byte, i) => byte === b[i])

export const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text)

/** Eight bytes, little-endian. The value must be in 0..2⁶⁴-1. */
export function u64le(value: bigint): Uint8Array {
  if (value < 0n || value > U64_MAX) throw new RangeError(`not a u64: ${value}`)
  const out = new Uint8Array(8)
  new DataView(out.buffer).setBigUint64(0, value, true)
  return out
}

/** Four bytes, little-endian. */
export function u32le(value: number): Uint8Array {
  const out = new Uint8Array(4)
  new DataView(out.buffer).setUint32(0, value, true)
  return out
}

export const U64_MAX = 2n ** 64n - 1n
