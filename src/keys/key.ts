/** A key pair in memory, whatever it was made from. Stays in this room: others receive a `Signer`. */
import type { SignatureCompute } from '../protocol/ports/compute.ts'
import { miniSecretOf, normalPhrase } from './phrase.ts'

/** What functions of this room need of the native code. */
export interface KeyParts {
  signature: SignatureCompute
}

export interface Key {
  publicKey: Uint8Array
  /** 64 bytes: canonical scalar and nonce seed (sr25519). */
  secret: Uint8Array
  /** The 32-byte mini-secret, where the key has one. */
  seed: Uint8Array | null
  /** The words, where the key comes straight from them. */
  phrase: string | null
}

export async function keyFromPhrase(text: string, { signature }: KeyParts): Promise<Key> {
  const phrase = normalPhrase(text)
  const seed = await miniSecretOf(phrase)
  return { ...signature.keyPair('sr25519', seed), seed, phrase }
}

export const keyFromSeed = (seed: Uint8Array, { signature }: KeyParts): Key => ({
  ...signature.keyPair('sr25519', seed),
  seed: seed.slice(),
  phrase: null,
})

export const keyFromSecret = (secret: Uint8Array, { signature }: KeyParts): Key => ({
  ...signature.fromSecret('sr25519', secret),
  seed: null,
  phrase: null,
})

/** Overwrites what can be overwritten; a phrase is a text and stays until it is collected. */
export function wipeKey(key: Key): void {
  key.secret.fill(0)
  key.seed?.fill(0)
}
