/**
 * How the content key of a sealed endpoint reaches one recipient (wire.md 1.8): X25519 from a fresh key of the group to
 * the recipient's published `kem`, HKDF-SHA256, XChaCha20-Poly1305 with nonce 0, since each wrapping key is used once.
 */
import { xchacha20poly1305 } from '@noble/ciphers/chacha.js'
import { x25519 } from '@noble/curves/ed25519.js'
import { hkdf } from '@noble/hashes/hkdf.js'
import { sha256 as sha256Hash } from '@noble/hashes/sha2.js'
import { concat, equal, utf8 } from '../protocol/bytes.ts'
import { NodeError } from '../protocol/errors.ts'
import { sha256 } from '../protocol/hash.ts'

/** One recipient's line of a group: 8 and 48 bytes. */
export interface Wrap {
  hint: Uint8Array
  key: Uint8Array
}
const NONCE = new Uint8Array(24)

/** First 8 bytes of H(kem): by it a recipient finds its line. */
const hintOf = (kem: Uint8Array): Uint8Array => sha256(kem).subarray(0, 8)

/** The key that wraps, from either side's secret and the other's public key. @throws NodeError WIRE_MALFORMED for a key of small order */
export function wrappingKey(secret: Uint8Array, publicKey: Uint8Array, eph: Uint8Array, kem: Uint8Array): Uint8Array {
  let shared: Uint8Array
  try {
    // Throws where the shared secret would be all zeros.
    shared = x25519.getSharedSecret(secret, publicKey)
  } catch (cause) {
    throw new NodeError('WIRE_MALFORMED', { detail: 'an endpoint key is no key' }, { cause })
  }
  return hkdf(sha256Hash, shared, concat(eph, kem), utf8('taumesh:ep:wrap:1'), 32)
}

/** Wraps a 32-byte content key for the holder of `kem`. @param ephSecret fresh for the group, 32 bytes */
export function wrapContentKey(ephSecret: Uint8Array, kem: Uint8Array, contentKey: Uint8Array): Wrap {
  const key = wrappingKey(ephSecret, kem, x25519.getPublicKey(ephSecret), kem)
  return { hint: hintOf(kem), key: xchacha20poly1305(key, NONCE).encrypt(contentKey) }
}

/** The content key that one of a group's lines holds for us, or undefined if none is ours. @throws NodeError WIRE_MALFORMED */
export function unwrapContentKey(kemSecret: Uint8Array, eph: Uint8Array, wraps: readonly Wrap[]): Uint8Array | undefined {
  const kem = x25519.getPublicKey(kemSecret)
  const own = wraps.find(({ hint }) => equal(hint, hintOf(kem)))
  if (own === undefined) return undefined
  const key = wrappingKey(kemSecret, eph, eph, kem)
  try {
    return xchacha20poly1305(key, NONCE).decrypt(own.key)
  } catch (cause) {
    throw new NodeError('WIRE_MALFORMED', { detail: 'an endpoint key was not wrapped for us' }, { cause })
  }
}
