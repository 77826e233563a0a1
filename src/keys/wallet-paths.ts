/** Where the files of a wallet lie under a root (`wallets/` of the data folder, or Bittensor's). */
import { join } from 'node:path'
import { NodeError } from '../protocol/errors.ts'

const PUBLIC_SUFFIX = 'pub.txt'
const allowed = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/u

/** Whether a text may name a wallet or hotkey: one plain file name that is not mistaken for a public file. */
export const isName = (name: string): boolean => allowed.test(name) && !name.endsWith(PUBLIC_SUFFIX)

function checked(name: string): string {
  if (!isName(name)) throw new NodeError('KEYS_NAME_INVALID')
  return name
}

export const coldkeyPath = (root: string, wallet: string): string => join(root, checked(wallet), 'coldkey')
export const coldkeyPublicPath = (root: string, wallet: string): string => join(root, checked(wallet), 'coldkeypub.txt')
export const hotkeysPath = (root: string, wallet: string): string => join(root, checked(wallet), 'hotkeys')
export const hotkeyPath = (root: string, wallet: string, hotkey: string): string => join(hotkeysPath(root, wallet), checked(hotkey))
export const hotkeyPublicPath = (root: string, wallet: string, hotkey: string): string =>
  `${hotkeyPath(root, wallet, hotkey)}${PUBLIC_SUFFIX}`
