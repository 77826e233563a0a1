/** What went wrong in a store, as `NodeError`: corruption, a dead disk, a full disk, a folder in use. */
import { dirname } from 'node:path'
import { NodeError } from '../../protocol/errors.ts'

/** Primary result codes of SQLite (https://sqlite.org/rescode.html); the low byte of an extended code. */
const SQLITE_BUSY = 5
const SQLITE_LOCKED = 6
const SQLITE_CORRUPT = 11
const SQLITE_FULL = 13
const SQLITE_NOTADB = 26

/** @param where the row or offset @param detail what is wrong with it */
export const storeCorrupt = (file: string, where: string, detail: string, cause?: unknown): NodeError =>
  new NodeError('STORE_CORRUPT', { file, where, detail, folder: dirname(file) }, { cause })

/** Any other failure of the disk: fatal, because nobody knows what a second try would find. */
export function ioFailure(file: string, error: unknown): NodeError {
  if (error instanceof NodeError) return error
  return new NodeError('STORE_FAILED', { file, detail: error instanceof Error ? error.message : String(error) }, { cause: error })
}

/** The `NodeError` for what `node:sqlite` throws. */
export function sqliteFailure(file: string, error: unknown): NodeError {
  if (error instanceof NodeError) return error
  // A number beyond 2^53 was never written here; node:sqlite refuses to read one.
  if (error instanceof RangeError) return storeCorrupt(file, 'a row', error.message, error)
  const code = errorNumber(error)
  switch (code & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return new NodeError('STORE_LOCKED', { folder: dirname(file) }, { cause: error })
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return storeCorrupt(file, 'a page', error instanceof Error ? error.message : String(error), error)
    case SQLITE_FULL:
      return new NodeError('STORE_FULL', { folder: dirname(file) }, { cause: error })
    default:
      return new NodeError(
        'STORE_FAILED',
        { file, detail: `${error instanceof Error ? error.message : String(error)} (SQLite ${code})` },
        { cause: error },
      )
  }
}

const errorNumber = (error: unknown): number =>
  typeof error === 'object' && error !== null && 'errcode' in error && typeof error.errcode === 'number' ? error.errcode : 0
