/** An ed25519 signer from a number, for tests. */
import { ed25519 } from '@noble/curves/ed25519.js'
import { u32le } from '../../src/protocol/bytes.ts'
import { sha256 } from '../../src/protocol/hash.ts'
import type { Signer } from '../../src/protocol/ports/platform.ts'

export function testSigner(number: number): Signer {
  const secret = sha256(u32le(number))
  return {
    scheme: 'ed25519',
    publicKey: ed25519.getPublicKey(secret),
    sign: async (message) => ed25519.sign(message, secret),
  }
}
