/** ed25519 keys from a seed, for tests. */
import { createPrivateKey, createPublicKey, sign } from 'node:crypto'
import { concat, fromHex } from '../../src/protocol/bytes.ts'
import { sha256 } from '../../src/protocol/hash.ts'
import type { Signer } from '../../src/protocol/ports/platform.ts'

/** DER prefix of an ed25519 private key. */
const PKCS8 = fromHex('302e020100300506032b657004220420')

export function ed25519Signer(name: string): Signer {
  const secret = sha256(Buffer.from(`test key ${name}`))
  const key = createPrivateKey({ key: Buffer.from(concat(PKCS8, secret)), format: 'der', type: 'pkcs8' })
  const publicKey = new Uint8Array(createPublicKey(key).export({ format: 'der', type: 'spki' }).subarray(-32))
  return { scheme: 'ed25519', publicKey, sign: async (message) => new Uint8Array(sign(null, message, key)) }
}
