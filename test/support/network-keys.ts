/** Hotkeys for network tests: sr25519 by @scure/sr25519, from a name. */
import { getPublicKey, secretFromSeed, sign, verify } from '@scure/sr25519'
import { toHex, utf8 } from '../../src/protocol/bytes.ts'
import type { Hex } from '../../src/protocol/bytes.ts'
import { isZero } from '../../src/protocol/frames.ts'
import { sha256 } from '../../src/protocol/hash.ts'
import type { SignatureCompute } from '../../src/protocol/ports/compute.ts'
import type { Signer } from '../../src/protocol/ports/platform.ts'

export interface TestKey {
  name: string
  hex: Hex
  publicKey: Uint8Array
  signer: Signer
}

/** The key of a name; the same name gives the same key. */
export function testKey(name: string): TestKey {
  const secret = secretFromSeed(sha256(utf8(name)))
  const publicKey = getPublicKey(secret)
  const signer: Signer = { scheme: 'sr25519', publicKey, sign: async (message) => sign(secret, message) }
  return { name, hex: toHex(publicKey), publicKey, signer }
}

/** Strict sr25519 verification; what cannot be decoded does not verify. */
export const testSignature: Pick<SignatureCompute, 'verify'> = {
  verify(scheme, publicKey, message, signature) {
    if (scheme !== 'sr25519' || isZero(publicKey)) return false
    try {
      return verify(message, signature, publicKey)
    } catch {
      return false
    }
  },
}
