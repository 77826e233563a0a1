import { UintNumberType } from '@chainsafe/ssz'
import { describe, expect, test } from 'vitest'
import { asciiOf, bytesOfAscii, decodeCanonical, encodeCanonical, requireKey, u64 } from '../../../src/protocol/canonical.ts'

const malformed = expect.objectContaining({ code: 'LEDGER_MALFORMED' })

/** Takes any bytes for their first one: what a decoder without the rule of canonical bytes would do. */
class LenientType extends UintNumberType {
  override deserialize(bytes: Uint8Array): number {
    return bytes[0] ?? 0
  }
}

describe('canonical bytes', () => {
  test('count only when they encode to themselves, however lenient the type is', () => {
    const lenient = new LenientType(1)
    expect(decodeCanonical(lenient, Uint8Array.of(7), 'number', 8)).toBe(7)
    expect(() => decodeCanonical(lenient, Uint8Array.of(7, 0), 'number', 8)).toThrow(malformed)
    expect(() => decodeCanonical(lenient, new Uint8Array(0), 'number', 8)).toThrow(malformed)
  })
  test('are measured before they are read', () => {
    const unread = new LenientType(1)
    unread.deserialize = () => {
      throw new Error('it was read')
    }
    expect(() => decodeCanonical(unread, new Uint8Array(9), 'number', 8)).toThrow(malformed)
  })
  test('of a number beyond 2⁵³ are refused where a type would round it', () => {
    const rounding = new UintNumberType(8)
    expect(decodeCanonical(rounding, encodeCanonical(u64, 2n ** 53n - 1n, 'number'), 'number', 8)).toBe(2 ** 53 - 1)
    for (const value of [2n ** 53n, 2n ** 53n + 1n, 2n ** 64n - 1n])
      expect(() => decodeCanonical(rounding, encodeCanonical(u64, value, 'number'), 'number', 8), `${value}`).toThrow(malformed)
  })
  test('keys are 32 bytes and not all zero, texts printable ASCII', () => {
    for (const bytes of [new Uint8Array(32), new Uint8Array(31).fill(1), new Uint8Array(33).fill(1)])
      expect(() => requireKey(bytes, 'x', 'y')).toThrow(malformed)
    expect(() => requireKey(new Uint8Array(32).fill(1), 'x', 'y')).not.toThrow()
    for (const byte of [0, 0x1f, 0x7f, 0x80, 0xff]) expect(() => asciiOf(Uint8Array.of(byte), 'x', 'y')).toThrow(malformed)
    for (const text of ['\n', 'é', '\u007f']) expect(() => bytesOfAscii(text, 'x', 'y')).toThrow(malformed)
    expect(asciiOf(bytesOfAscii('a ~', 'x', 'y'), 'x', 'y')).toBe('a ~')
  })
})
