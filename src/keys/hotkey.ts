/** Hotkeys, with which neurons sign. Files are plain by default: a node must be able to start by itself. */
import { encodeSs58 } from '../protocol/ss58.ts'
import { readKey, writeKey, type KeyPaths } from './key-file.ts'
import { keyFromPhrase, wipeKey, type KeyParts } from './key.ts'
import { keyFromUri } from './key-uri.ts'
import { createPhrase, type Words } from './phrase.ts'
import type { Cost } from './sealed.ts'
import { signerOf, type KeySigner } from './signer.ts'
import { hotkeyPath, hotkeyPublicPath } from './wallet-paths.ts'

export interface NewHotkeyOptions {
  /** null or absent: the file is plain. */
  password?: string | null
  words?: Words
  cost?: Cost
}

const pathsOf = (root: string, wallet: string, hotkey: string): KeyPaths => ({
  secret: hotkeyPath(root, wallet, hotkey),
  public: hotkeyPublicPath(root, wallet, hotkey),
})

/** Creates `<root>/<wallet>/hotkeys/<hotkey>`. @throws KEYS_EXISTS, KEYS_NAME_INVALID */
export async function createHotkey(
  root: string,
  wallet: string,
  hotkey: string,
  parts: KeyParts,
  options: NewHotkeyOptions = {},
): Promise<{ mnemonic: string; address: string }> {
  const mnemonic = createPhrase(options.words)
  const { address } = await importHotkey(root, wallet, hotkey, mnemonic, parts, options)
  return { mnemonic, address }
}

/** As `createHotkey`, from a phrase or key URI that exists already. @throws KEYS_PHRASE_INVALID, KEYS_URI_INVALID, KEYS_EXISTS, ... */
export async function importHotkey(
  root: string,
  wallet: string,
  hotkey: string,
  phraseOrUri: string,
  parts: KeyParts,
  options: NewHotkeyOptions = {},
): Promise<{ address: string }> {
  const isUri = phraseOrUri.includes('/') || phraseOrUri.startsWith('0x')
  const key = isUri ? await keyFromUri(phraseOrUri, parts) : await keyFromPhrase(phraseOrUri, parts)
  try {
    await writeKey(pathsOf(root, wallet, hotkey), key, options.password ?? null, options.cost)
    return { address: encodeSs58(key.publicKey) }
  } finally {
    wipeKey(key)
  }
}

/** Opens a hotkey for signing. @throws as `readKey` */
export async function openHotkey(
  root: string,
  wallet: string,
  hotkey: string,
  parts: KeyParts,
  options: { password?: string | null } = {},
): Promise<KeySigner> {
  const { key } = await readKey(pathsOf(root, wallet, hotkey), options.password ?? null, parts)
  return signerOf(key, parts)
}
