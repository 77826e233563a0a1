/**
 * Files that are whole or not there: written beside their place, synced, renamed, and the folder synced (wire.md 4). Owner
 * alone may read them, whatever the umask.
 */
import { randomBytes } from 'node:crypto'
import { constants } from 'node:fs'
import { lstat, mkdir, open, rename, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { NodeError } from '../protocol/errors.ts'

/** No key file is longer; checked before it is read. */
export const FILE_BYTES_MAX = 65_536

const codeOf = (error: unknown): string => (error instanceof Error && 'code' in error ? String(error.code) : '')

export async function exists(path: string): Promise<boolean> {
  try {
    await lstat(path)
    return true
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return false
    throw error
  }
}

/** Writes a new file. @throws KEYS_EXISTS: a key is never overwritten */
export async function writeNew(path: string, content: Uint8Array): Promise<void> {
  const folder = dirname(path)
  await makeFolder(folder)
  const temporary = join(folder, `.${randomBytes(8).toString('hex')}.tmp`)
  try {
    const file = await open(temporary, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, 0o600)
    try {
      await file.writeFile(content)
      await file.sync()
    } finally {
      await file.close()
    }
    if (await exists(path)) throw new NodeError('KEYS_EXISTS', { path })
    await rename(temporary, path)
  } catch (error) {
    await rm(temporary, { force: true })
    throw error
  }
  await syncFolder(folder)
}

/** The bytes of a regular file of at most 64 KiB. @throws KEYS_NOT_FOUND, KEYS_FILE_INVALID */
export async function readBounded(path: string): Promise<Uint8Array> {
  const file = await open(path, 'r').catch((cause: unknown) => {
    if (codeOf(cause) === 'ENOENT' || codeOf(cause) === 'ENOTDIR') throw new NodeError('KEYS_NOT_FOUND', { path })
    throw new NodeError('KEYS_FILE_INVALID', { path, detail: 'it cannot be read' }, { cause })
  })
  try {
    const stat = await file.stat()
    if (!stat.isFile()) throw new NodeError('KEYS_FILE_INVALID', { path, detail: 'it is no file' })
    // One byte more than allowed, so that a file that grows meanwhile is noticed too.
    const buffer = new Uint8Array(Math.min(stat.size, FILE_BYTES_MAX) + 1)
    let length = 0
    for (;;) {
      const { bytesRead } = await file.read(buffer, length, buffer.length - length, length)
      if (bytesRead === 0) return buffer.subarray(0, length)
      length += bytesRead
      if (length === buffer.length) throw new NodeError('KEYS_FILE_INVALID', { path, detail: `it is longer than ${FILE_BYTES_MAX} bytes` })
    }
  } finally {
    await file.close()
  }
}

/** Makes a folder and those above it, 0700, each synced into the one that holds it. */
async function makeFolder(folder: string): Promise<void> {
  if (await exists(folder)) return
  const parent = dirname(folder)
  await makeFolder(parent)
  await mkdir(folder, { mode: 0o700 }).catch((error: unknown) => {
    if (codeOf(error) !== 'EEXIST') throw error
  })
  await syncFolder(parent)
}

async function syncFolder(folder: string): Promise<void> {
  if (process.platform === 'win32') return // folders cannot be opened there; NTFS journals the rename
  const handle = await open(folder, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}
