/**
 * Canonical SSZ. The library wraps values out of range and writes over-long lists when it serialises, so every value is
 * checked against its type first; and bytes count only when what they decode to encodes to the same bytes again
 * (reliability.md B1, T57).
 */
import {
  BooleanType,
  ByteListType,
  ByteVectorType,
  ContainerType,
  ListBasicType,
  ListCompositeType,
  UintBigintType,
  UintNumberType,
} from '@chainsafe/ssz'
import type { Type } from '@chainsafe/ssz'
import { toHex, U64_MAX } from './bytes.ts'
import { NodeError } from './errors.ts'

export const u8 = new UintNumberType(1)
export const u16 = new UintNumberType(2)
export const u32 = new UintNumberType(4)
export const u64 = new UintBigintType(8)
export const bool = new BooleanType()
export const B16 = new ByteVectorType(16)
export const B32 = new ByteVectorType(32)
export const B64 = new ByteVectorType(64)

const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null

/** What keeps `value` from being of `type`, with the field's path; undefined when nothing does. */
function flaw(type: Type<unknown>, value: unknown, path: string): string | undefined {
  if (type instanceof UintNumberType) {
    const inRange = typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 && value < 2 ** (8 * type.byteLength)
    return inRange && !Object.is(value, -0) ? undefined : `${path} is no u${8 * type.byteLength}`
  }
  if (type instanceof UintBigintType) {
    return typeof value === 'bigint' && value >= 0n && value <= U64_MAX && type.byteLength === 8 ? undefined : `${path} is no u64`
  }
  if (type instanceof BooleanType) return typeof value === 'boolean' ? undefined : `${path} is no boolean`
  if (type instanceof ByteVectorType)
    return value instanceof Uint8Array && value.length === type.lengthBytes ? undefined : `${path} has not ${type.lengthBytes} bytes`
  if (type instanceof ByteListType)
    return value instanceof Uint8Array && value.length <= type.limitBytes ? undefined : `${path} has more than ${type.limitBytes} bytes`
  if (type instanceof ContainerType) {
    if (!isRecord(value)) return `${path || 'the value'} is no record`
    for (const [name, field] of Object.entries(type.fields as Record<string, Type<unknown>>)) {
      const found = flaw(field, value[name], path ? `${path}.${name}` : name)
      if (found) return found
    }
    return undefined
  }
  if (type instanceof ListBasicType || type instanceof ListCompositeType) {
    if (!Array.isArray(value) || value.length > type.limit) return `${path} has more than ${type.limit} entries`
    for (const [i, entry] of value.entries()) {
      const found = flaw(type.elementType as Type<unknown>, entry, `${path}[${i}]`)
      if (found) return found
    }
    return undefined
  }
  return `${path} has a type without rules`
}

/** Canonical bytes of a value within its type's limits. @throws NodeError LEDGER_MALFORMED naming the field */
export function encodeCanonical<V>(type: Type<V>, value: V, what: string): Uint8Array {
  const detail = flaw(type, value, '')
  if (detail) throw new NodeError('LEDGER_MALFORMED', { what, detail })
  return type.serialize(value)
}

/** The value of canonical bytes of at most `limit` bytes. @throws NodeError LEDGER_MALFORMED for anything else */
export function decodeCanonical<V>(type: Type<V>, bytes: Uint8Array, what: string, limit: number): V {
  if (bytes.length > limit) throw new NodeError('LEDGER_MALFORMED', { what, detail: `${bytes.length} bytes, at most ${limit}` })
  let value: V
  try {
    value = type.deserialize(bytes)
  } catch (cause) {
    throw new NodeError('LEDGER_MALFORMED', { what, detail: 'the encoding does not parse' }, { cause })
  }
  // Beyond 2⁵³ a number stands for many: none of them is taken.
  const detail = flaw(type, value, '')
  if (detail) throw new NodeError('LEDGER_MALFORMED', { what, detail })
  if (Buffer.compare(type.serialize(value), bytes) !== 0)
    throw new NodeError('LEDGER_MALFORMED', { what, detail: 'it encodes to other bytes' })
  return value
}

/**
 * A public key, which must not be all zero: such a key verifies every message in schnorrkel (reliability.md T61).
 * @throws NodeError LEDGER_MALFORMED
 */
export function requireKey(key: Uint8Array, what: string, field: string): void {
  if (key.length !== 32 || key.every((byte) => byte === 0)) throw new NodeError('LEDGER_MALFORMED', { what, detail: `${field} is no key` })
}

/** Printable ASCII of `bytes`. @throws NodeError LEDGER_MALFORMED */
export function asciiOf(bytes: Uint8Array, what: string, field: string): string {
  if (bytes.some((byte) => byte < 0x20 || byte > 0x7e))
    throw new NodeError('LEDGER_MALFORMED', { what, detail: `${field} is not printable ASCII: ${toHex(bytes.subarray(0, 16))}` })
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1')
}

/** Bytes of printable ASCII. @throws NodeError LEDGER_MALFORMED */
export function bytesOfAscii(text: string, what: string, field: string): Uint8Array {
  if (!/^[\x20-\x7e]*$/.test(text)) throw new NodeError('LEDGER_MALFORMED', { what, detail: `${field} is not printable ASCII` })
  return Uint8Array.from(Buffer.from(text, 'latin1'))
}
