/** SS58 text form of a 32-byte public key, prefix 42: base58(0x2a ‖ key ‖ Blake2b-512(`SS58PRE` ‖ 0x2a ‖ key)[0..2]) (wire.md 4). */
import { blake2b } from '@noble/hashes/blake2.js'
import { base58 } from '@scure/base'
import { concat, utf8 } from './bytes.ts'
import { NodeError } from './errors.ts'

const PREFIX = Uint8Array.of(42)
const KEY_BYTES = 32
/** No address of a 32-byte key is longer; checked before decoding, whose cost is quadratic. */
const TEXT_MAX = 50

const checksum = (payload: Uint8Array): Uint8Array => blake2b(concat(utf8('SS58PRE'), payload)).subarray(0, 2)

/** The address of a 32-byte public key. */
export function encodeSs58(publicKey: Uint8Array): string {
  if (publicKey.length !== KEY_BYTES) throw new NodeError('ADDRESS_INVALID', { detail: `a key has 32 bytes, not ${publicKey.length}` })
  const payload = concat(PREFIX, publicKey)
  return base58.encode(concat(payload, checksum(payload)))
}

/** The 32-byte public key of an address. @throws NodeError ADDRESS_INVALID for another prefix, length, checksum, or the all-zero key */
export function decodeSs58(text: string): Uint8Array {
  const bytes = text.length > TEXT_MAX ? null : decoded(text)
  if (bytes === null) throw new NodeError('ADDRESS_INVALID', { detail: 'it is no base58 text of an address' })
  const payload = bytes.subarray(0, 1 + KEY_BYTES)
  if (bytes.length !== 3 + KEY_BYTES || payload[0] !== PREFIX[0])
    throw new NodeError('ADDRESS_INVALID', { detail: 'it is not for a 32-byte key with prefix 42' })
  const [a, b] = checksum(payload)
  if (bytes[33] !== a || bytes[34] !== b) throw new NodeError('ADDRESS_INVALID', { detail: 'its checksum is wrong: a letter was mistyped' })
  const key = payload.slice(1)
  if (key.every((byte) => byte === 0)) throw new NodeError('ADDRESS_INVALID', { detail: 'the all-zero key is nobody' })
  return key
}

function decoded(text: string): Uint8Array | null {
  try {
    return base58.decode(text)
  } catch {
    return null
  }
}
