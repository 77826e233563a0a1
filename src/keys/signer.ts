/** A `Signer` over the native signature functions. The secret stays in a private field and can be wiped. */
import { NodeError } from '../protocol/errors.ts'
import type { Scheme } from '../protocol/ports/compute.ts'
import type { Signer } from '../protocol/ports/platform.ts'
import { wipeKey, type Key, type KeyParts } from './key.ts'
import { keyFromUri } from './key-uri.ts'

/** A signer whose holder can end it. */
export interface KeySigner extends Signer {
  /** Overwrites the secret; signing afterwards fails with KEYS_CLOSED. */
  close(): void
}

/** Takes over `secret` (64 bytes), which is wiped with the signer. */
export function keySigner(scheme: Scheme, pair: { publicKey: Uint8Array; secret: Uint8Array }, { signature }: KeyParts): KeySigner {
  let secret: Uint8Array | null = pair.secret
  return {
    scheme,
    publicKey: pair.publicKey,
    async sign(message) {
      if (secret === null) throw new NodeError('KEYS_CLOSED')
      return signature.sign(scheme, secret, message)
    },
    close() {
      secret?.fill(0)
      secret = null
    },
  }
}

/** The signer of an sr25519 key, which is wiped but for what signing needs. */
export function signerOf(key: Key, parts: KeyParts): KeySigner {
  const signer = keySigner('sr25519', { publicKey: key.publicKey, secret: key.secret.slice() }, parts)
  wipeKey(key)
  return signer
}

/** The signer of a key URI such as `//Alice`. @throws KEYS_URI_INVALID, KEYS_PHRASE_INVALID */
export const signerFromUri = async (uri: string, parts: KeyParts): Promise<KeySigner> => signerOf(await keyFromUri(uri, parts), parts)
