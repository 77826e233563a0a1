/** The wrap vector of wire.md 6, and that only its recipient opens it. */
import { x25519 } from '@noble/curves/ed25519.js'
import { expect, test } from 'vitest'
import { unwrapContentKey, wrapContentKey, wrappingKey } from '../../../src/network/endpoint-wrap.ts'
import { toHex } from '../../../src/protocol/bytes.ts'

const fill = (byte: number): Uint8Array => new Uint8Array(32).fill(byte)
const [eph, kem] = [x25519.getPublicKey(fill(1)), x25519.getPublicKey(fill(2))]

test('hint, wrapping key and wrapped key are the vector', () => {
  const wrap = wrapContentKey(fill(1), kem, fill(3))
  expect(toHex(wrap.hint)).toBe('cfa570c653bd212b')
  expect(toHex(wrappingKey(fill(1), kem, eph, kem))).toBe('f6e89dfc73adbb8c3f565c666cc5e978b16aca5ae9c67614c48d17bd5755718c')
  expect(toHex(wrap.key)).toBe('bd0663c8f06ee30da39db48ea8ca16c03b9a4726020ad2318616e3b628e71d77f7bcf3a5e2031cfdff4d0510665d1df4')
})

test('its recipient unwraps it, another finds nothing, and a changed byte is an error', () => {
  const wrap = wrapContentKey(fill(1), kem, fill(3))
  const other = wrapContentKey(fill(1), x25519.getPublicKey(fill(4)), fill(3))
  expect(unwrapContentKey(fill(2), eph, [other, wrap])).toEqual(fill(3))
  expect(unwrapContentKey(fill(5), eph, [other, wrap])).toBeUndefined()
  const changed = { ...wrap, key: wrap.key.map((byte, i) => (i === 9 ? byte ^ 1 : byte)) }
  expect(() => unwrapContentKey(fill(2), eph, [changed])).toThrow(expect.objectContaining({ code: 'WIRE_MALFORMED' }))
})

test('a key of small order, whose shared secret is zero, is refused', () => {
  expect(() => wrapContentKey(fill(1), fill(0), fill(3))).toThrow(expect.objectContaining({ code: 'WIRE_MALFORMED' }))
})
