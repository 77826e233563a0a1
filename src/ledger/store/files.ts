/** The few file operations of a store outside SQLite: atomic replacement, synced folders, and the watermark's file. */
import {
  closeSync,
  existsSync,
  fdatasyncSync,
  fstatSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { ioFailure, storeCorrupt } from './failure.ts'
import { encodeSlot, type Mark, NO_MARK, readSlots, SLOT_STRIDE_BYTES, WATERMARK_BYTES } from './watermark.ts'

/** Makes names created, renamed or removed in a folder survive a power loss. @throws STORE_FAILED */
export function syncFolder(path: string): void {
  let fd: number | undefined
  try {
    fd = openSync(path, 'r')
    fsyncSync(fd)
  } catch (error) {
    throw ioFailure(path, error)
  } finally {
    if (fd !== undefined) closeSync(fd)
  }
}

/** Creates a folder for its owner alone (0700), with its parents, durably. @throws STORE_FAILED */
export function makeFolder(path: string): void {
  try {
    const first = mkdirSync(path, { recursive: true, mode: 0o700 })
    if (first === undefined) return
    for (let at = resolve(path); at.length >= resolve(first).length; at = dirname(at)) syncFolder(dirname(at))
  } catch (error) {
    throw ioFailure(path, error)
  }
}

/** Writes a whole file so that after a crash it is the old one or the new one: temp, fsync, rename, fsync of the folder. Mode 0600. */
function replaceFile(path: string, bytes: Uint8Array): void {
  const temporary = `${path}.new`
  try {
    rmSync(temporary, { force: true })
    const fd = openSync(temporary, 'wx', 0o600)
    try {
      writeAll(fd, bytes, 0)
      fsyncSync(fd)
    } finally {
      closeSync(fd)
    }
    renameSync(temporary, path)
    syncFolder(dirname(path))
  } catch (error) {
    throw ioFailure(path, error)
  }
}

function writeAll(fd: number, bytes: Uint8Array, position: number): void {
  for (let done = 0; done < bytes.length;) done += writeSync(fd, bytes, done, bytes.length - done, position + done)
}

/** The watermark of one database, open for in-place writes. */
export class WatermarkFile {
  readonly path: string
  /** The mark as it was read, and whether one slot was damaged then. */
  readonly found: { mark: Mark; damaged: boolean }
  readonly #fd: number
  #next: 0 | 1

  private constructor(path: string, fd: number, found: { mark: Mark; damaged: boolean; next: 0 | 1 }) {
    this.path = path
    this.#fd = fd
    this.found = found
    this.#next = found.next
  }

  static exists(folder: string, name: string): boolean {
    return existsSync(join(folder, name))
  }

  /** A new file that promises nothing, replaced atomically once; later marks are written in place. @throws STORE_FAILED */
  static create(folder: string, name: string): WatermarkFile {
    const bytes = Buffer.alloc(WATERMARK_BYTES)
    bytes.set(encodeSlot(NO_MARK), 0)
    bytes.set(encodeSlot(NO_MARK), SLOT_STRIDE_BYTES)
    replaceFile(join(folder, name), bytes)
    return WatermarkFile.open(folder, name)
  }

  /** @throws STORE_CORRUPT when the size is wrong or both slots are damaged, STORE_FAILED */
  static open(folder: string, name: string): WatermarkFile {
    const path = join(folder, name)
    let fd: number | undefined
    try {
      fd = openSync(path, 'r+')
      const bytes = Buffer.alloc(WATERMARK_BYTES)
      const size = fstatSync(fd).size
      if (size !== WATERMARK_BYTES) throw storeCorrupt(path, 'offset 0', `${size} bytes instead of ${WATERMARK_BYTES}`)
      for (let at = 0; at < bytes.length;) {
        const count = readSync(fd, bytes, at, bytes.length - at, at)
        if (count === 0) break
        at += count
      }
      const found = readSlots([bytes.subarray(0, SLOT_STRIDE_BYTES), bytes.subarray(SLOT_STRIDE_BYTES)])
      if (found === null) throw storeCorrupt(path, 'offset 0', 'both slots are damaged')
      return new WatermarkFile(path, fd, found)
    } catch (error) {
      if (fd !== undefined) closeSync(fd)
      throw ioFailure(path, error)
    }
  }

  /** Writes the mark into the older slot and syncs it; only then may anything be acknowledged. @throws STORE_FAILED */
  move(mark: Mark): void {
    try {
      writeAll(this.#fd, encodeSlot(mark), this.#next * SLOT_STRIDE_BYTES)
      fdatasyncSync(this.#fd)
      this.#next = this.#next === 0 ? 1 : 0
    } catch (error) {
      throw ioFailure(this.path, error)
    }
  }

  close(): void {
    closeSync(this.#fd)
  }
}
