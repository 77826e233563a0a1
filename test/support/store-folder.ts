/** Data folders of block stores for tests of damage: filled, copied while the store is open (as after kill -9), altered. */
import { copyFileSync, existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { sqliteBlockStore } from '../../src/ledger/store/sqlite-block-store.ts'
import { isErrorCode, NodeError } from '../../src/protocol/errors.ts'
import type { BlockStore, StoredBlock } from '../../src/protocol/ports/block-store.ts'
import { temporaryFolder } from './folders.ts'
import { silentLog } from './silent-log.ts'

export const openStore = (path: string): BlockStore => sqliteBlockStore({ path }, { log: silentLog() })

/** Copies the files of a folder; of an open store this is what the next process finds after kill -9. */
export function copyFolder(from: string, to = temporaryFolder()): string {
  for (const name of readdirSync(from)) copyFileSync(join(from, name), join(to, name))
  return to
}

export interface FilledFolders {
  /** The store was closed: everything is in the database. */
  closed: string
  /** The process died: much is in the log alone. */
  killed: string
}

export function filledFolders(blocks: readonly StoredBlock[], snapshotAt: number): FilledFolders {
  const path = temporaryFolder()
  const store = openStore(path)
  for (const block of blocks) {
    store.append(block)
    if (block.height === snapshotAt) store.saveSnapshot(block.height, block.stateRoot, new Uint8Array(5_000).fill(7))
  }
  const killed = copyFolder(path)
  store.close()
  return { closed: copyFolder(path), killed }
}

/** Everything a store says about these blocks, as one text; or the code of the error with which it refused. */
export function everythingOf(path: string, blocks: readonly StoredBlock[]): string {
  let store: BlockStore | undefined
  try {
    store = openStore(path)
    const hex = (bytes: Uint8Array | null | undefined): string => (bytes ? Buffer.from(bytes).toString('hex') : 'none')
    const head = store.head()
    const lines = [`head ${head?.height} ${hex(head?.hash)} ${hex(head?.stateRoot)} ${store.oldest()}`]
    for (const { height, rows } of blocks) {
      const block = store.load(height)
      lines.push([hex(block?.hash), hex(block?.parent), hex(block?.stateRoot), hex(block?.block), hex(block?.results)].join(' '))
      for (const { table, key } of rows) lines.push(hex(store.row(table, key)))
    }
    for (const table of ['receipt', 'epoch', 'history'] as const)
      for (const row of store.rows(table, { from: ' ', to: '~', limit: 1_000, descending: true }))
        lines.push(`${row.key} ${hex(row.value)}`)
    const snapshot = store.newestSnapshot()
    lines.push(`snapshot ${snapshot?.height} ${hex(snapshot?.bytes)}`)
    return lines.join('\n')
  } catch (error) {
    if (error instanceof NodeError && isErrorCode(error.code)) return error.code
    throw error
  } finally {
    store?.close()
  }
}

/** Rewrites one file of a folder. */
export function alter(folder: string, name: string, change: (bytes: Buffer) => Uint8Array): void {
  const path = join(folder, name)
  writeFileSync(path, change(existsSync(path) ? readFileSync(path) : Buffer.alloc(0)))
}
