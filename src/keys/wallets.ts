/** The wallets under a root, by their public files: nothing secret is opened. */
import { readdir } from 'node:fs/promises'
import { NodeError } from '../protocol/errors.ts'
import { encodeSs58 } from '../protocol/ss58.ts'
import { readBounded } from './durable-file.ts'
import { publicKeyOfJson } from './key-json.ts'
import { coldkeyPublicPath, hotkeyPublicPath, hotkeysPath, isName } from './wallet-paths.ts'

/** Entries of one folder that are looked at. */
const ENTRIES_MAX = 10_000

export interface ListedHotkey {
  name: string
  /** null where its public file is missing or unreadable. */
  address: string | null
}
export interface ListedWallet {
  name: string
  /** Address of the coldkey. */
  address: string
  hotkeys: ListedHotkey[]
}

/** Wallets with a readable `coldkeypub.txt`, by name; an absent root has none. */
export async function listWallets(root: string): Promise<ListedWallet[]> {
  const wallets: ListedWallet[] = []
  for (const name of await names(root)) {
    const address = await addressIn(coldkeyPublicPath(root, name))
    if (address === null) continue
    const hotkeys: ListedHotkey[] = []
    for (const hotkey of await names(hotkeysPath(root, name)))
      hotkeys.push({ name: hotkey, address: await addressIn(hotkeyPublicPath(root, name, hotkey)) })
    wallets.push({ name, address, hotkeys })
  }
  return wallets
}

async function names(folder: string): Promise<string[]> {
  const entries = await readdir(folder).catch((error: unknown) => {
    if (error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR')) return []
    throw error
  })
  return entries.filter(isName).sort().slice(0, ENTRIES_MAX)
}

async function addressIn(path: string): Promise<string | null> {
  try {
    return encodeSs58(publicKeyOfJson(await readBounded(path)))
  } catch (error) {
    if (error instanceof NodeError) return null // another program's file, or a damaged one: not a wallet of ours
    throw error
  }
}
