/** Ed25519 keys of the node itself (`orderer.key`, `peer.key`): made on first use, 32 seed bytes as hexadecimal text, 0600. */
import { randomBytes } from 'node:crypto'
import { fromHex, toHex, utf8 } from '../protocol/bytes.ts'
import { NodeError } from '../protocol/errors.ts'
import { exists, readBounded, writeNew } from './durable-file.ts'
import type { KeyParts } from './key.ts'
import { keySigner, type KeySigner } from './signer.ts'

export interface NodeKey {
  signer: KeySigner
  /** The 32-byte seed: libp2p wants the secret of its peer key itself. */
  seed: Uint8Array
}

/** Reads the key of that file, or makes one. @throws KEYS_FILE_INVALID */
export async function loadOrCreateEd25519(path: string, parts: KeyParts): Promise<NodeKey> {
  if (!(await exists(path))) {
    const fresh = randomBytes(32)
    await writeNew(path, utf8(`${toHex(fresh)}\n`))
    fresh.fill(0)
  }
  const file = await readBounded(path)
  const text = new TextDecoder().decode(file).trim()
  file.fill(0)
  if (!/^[0-9a-f]{64}$/u.test(text)) throw new NodeError('KEYS_FILE_INVALID', { path, detail: 'it must hold 64 hexadecimal digits' })
  const seed = fromHex(text)
  return { signer: keySigner('ed25519', parts.signature.keyPair('ed25519', seed), parts), seed }
}
