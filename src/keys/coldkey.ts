/**
 * Coldkeys, which own funds. Only `cli` may import this file (reliability.md, P8): a process that runs for long never
 * opens one. Files are sealed; plain ones are for networks of play money and must be asked for.
 */
import { NodeError } from '../protocol/errors.ts'
import { encodeSs58 } from '../protocol/ss58.ts'
import { readKey, writeKey, type KeyPaths } from './key-file.ts'
import { keyFromPhrase, wipeKey, type KeyParts } from './key.ts'
import { keyFromUri } from './key-uri.ts'
import { createPhrase, type Words } from './phrase.ts'
import type { Cost } from './sealed.ts'
import { signerOf, type KeySigner } from './signer.ts'
import { coldkeyPath, coldkeyPublicPath } from './wallet-paths.ts'

export interface ColdkeyOptions {
  /** null: the file is plain, which `allowUnencrypted` must allow. */
  password: string | null
  /** Only for networks of kind `local`. */
  allowUnencrypted?: boolean
}
export interface NewColdkeyOptions extends ColdkeyOptions {
  words?: Words
  /** Cost of the password; the default fits people, a lower one fits tests. */
  cost?: Cost
}

const pathsOf = (root: string, name: string): KeyPaths => ({ secret: coldkeyPath(root, name), public: coldkeyPublicPath(root, name) })

/** Creates `<root>/<name>/coldkey`. The phrase is given out once, after the file is durable. @throws KEYS_EXISTS, KEYS_UNENCRYPTED */
export async function createColdkey(
  root: string,
  name: string,
  options: NewColdkeyOptions,
  parts: KeyParts,
): Promise<{ mnemonic: string; address: string }> {
  const mnemonic = createPhrase(options.words)
  const { address } = await importColdkey(root, name, mnemonic, options, parts)
  return { mnemonic, address }
}

/** As `createColdkey`, from a phrase or key URI that exists already. @throws KEYS_PHRASE_INVALID, KEYS_URI_INVALID, KEYS_EXISTS, ... */
export async function importColdkey(
  root: string,
  name: string,
  phraseOrUri: string,
  options: NewColdkeyOptions,
  parts: KeyParts,
): Promise<{ address: string }> {
  const paths = pathsOf(root, name)
  if (options.password === null && options.allowUnencrypted !== true) throw new NodeError('KEYS_UNENCRYPTED', { path: paths.secret })
  const isUri = phraseOrUri.includes('/') || phraseOrUri.startsWith('0x')
  const key = isUri ? await keyFromUri(phraseOrUri, parts) : await keyFromPhrase(phraseOrUri, parts)
  try {
    await writeKey(paths, key, options.password, options.cost)
    return { address: encodeSs58(key.publicKey) }
  } finally {
    wipeKey(key)
  }
}

/** Opens a coldkey for signing; its holder closes it. @throws as `readKey`, and KEYS_UNENCRYPTED for a plain file */
export async function openColdkey(root: string, name: string, options: ColdkeyOptions, parts: KeyParts): Promise<KeySigner> {
  const paths = pathsOf(root, name)
  const { key, format } = await readKey(paths, options.password, parts)
  if (format === 'plain' && options.allowUnencrypted !== true) {
    wipeKey(key)
    throw new NodeError('KEYS_UNENCRYPTED', { path: paths.secret })
  }
  return signerOf(key, parts)
}
