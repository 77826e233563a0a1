/** A folder of somebody's own text, read as the bytes an expert learns from. */
import { open, opendir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { NodeError } from '../protocol/errors.ts'

/** What the experts' training is laid out for: more text only costs memory (mixture.md 6.4 holds a domain to the same). */
const TEXT_BYTES_MAX = 2_097_152
/** Entries looked at before a folder is refused: somebody pointed at the root of a disk. */
const TEXT_ENTRIES_MAX = 100_000

export interface FolderText {
  bytes: Uint8Array
  /** Files that gave at least one byte. */
  files: number
  /** True where the limit left text unread. */
  truncated: boolean
}

/**
 * Reads every regular file below `path` (or the one file it names) in name order, any bytes, a line feed between files.
 * Names that begin with a dot and symbolic links are passed over.
 * @param limits bytes kept, `TEXT_BYTES_MAX` by default
 * @throws NodeError EXPERTS_TEXT_MISSING, EXPERTS_TEXT_EMPTY, EXPERTS_TEXT_TOO_MANY, EXPERTS_TEXT_UNREADABLE
 */
export async function readTextFolder(path: string, limits: { bytesMax?: number } = {}): Promise<FolderText> {
  const bytesMax = limits.bytesMax ?? TEXT_BYTES_MAX
  const parts: Uint8Array[] = []
  let length = 0
  let files = 0
  let truncated = false
  try {
    for (const file of await filesOf(path)) {
      const gap = length === 0 ? 0 : 1
      const room = bytesMax - length - gap
      const part = await readUpTo(file, Math.max(room, 0) + 1)
      if (part.length === 0) continue
      truncated ||= part.length > room
      if (room <= 0) break
      if (gap === 1) parts.push(Uint8Array.of(0x0a))
      parts.push(part.subarray(0, room))
      length += gap + Math.min(part.length, room)
      files += 1
    }
  } catch (error) {
    throw asNodeError(error, path)
  }
  if (length === 0) throw new NodeError('EXPERTS_TEXT_EMPTY', { path })
  return { bytes: new Uint8Array(Buffer.concat(parts)), files, truncated }
}

async function filesOf(path: string): Promise<string[]> {
  if ((await stat(path)).isFile()) return [path]
  const files: string[] = []
  const folders = [path]
  let seen = 0
  for (let folder = folders.pop(); folder !== undefined; folder = folders.pop()) {
    for await (const entry of await opendir(folder)) {
      if (++seen > TEXT_ENTRIES_MAX) throw new NodeError('EXPERTS_TEXT_TOO_MANY', { path, limit: TEXT_ENTRIES_MAX })
      if (entry.name.startsWith('.')) continue
      if (entry.isDirectory()) folders.push(join(folder, entry.name))
      else if (entry.isFile()) files.push(join(folder, entry.name))
    }
  }
  // Code-unit order, not the folder's: the same files give the same text on every machine.
  return files.sort()
}

async function readUpTo(file: string, bytesMax: number): Promise<Uint8Array> {
  const handle = await open(file)
  try {
    const size = Math.min((await handle.stat()).size, bytesMax)
    const buffer = new Uint8Array(size)
    let filled = 0
    while (filled < size) {
      const { bytesRead } = await handle.read(buffer, filled, size - filled, filled)
      if (bytesRead === 0) break
      filled += bytesRead
    }
    return buffer.subarray(0, filled)
  } finally {
    await handle.close()
  }
}

function asNodeError(error: unknown, path: string): NodeError {
  if (error instanceof NodeError) return error
  const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown'
  if (code === 'ENOENT' || code === 'ENOTDIR') return new NodeError('EXPERTS_TEXT_MISSING', { path }, { cause: error })
  return new NodeError('EXPERTS_TEXT_UNREADABLE', { path, detail: code }, { cause: error })
}
