/**
 * The rules that turn documents into splits (mixture.md 6.4): pieces of at most 32 KiB, exact duplicates out, split and
 * order by a keyed hash of the document key, at most 2 MB of training text, and no held-out piece that training contains.
 */
import { createHash } from 'node:crypto'
import { kdf } from '../../protocol/hash.ts'
import { utf8 } from '../../protocol/bytes.ts'
import type { Document } from './sources.ts'
import { windowSet, type WindowSet } from './windows.ts'

const PIECE_BYTES_MAX = 32 * 1024
const TRAIN_BYTES_MAX = 2_000_000
/** Validation and test each: far more than any experiment draws. Twice as much is read, since overlapping pieces go. */
const HELD_BYTES_MAX = 270_000
const HELD_READ_BYTES_MAX = 2 * HELD_BYTES_MAX
/** A held-out piece goes when more than this share of its windows occurs in the training text. */
const OVERLAP_MAX = 0.25

export type SplitName = 'train' | 'validation' | 'test'
export interface Piece {
  key: string
  /** Which piece of its document. */
  part: number
  bytes: Uint8Array
}
export type Splits = Record<SplitName, Piece[]>

const u64 = (hash: Uint8Array): bigint => new DataView(hash.buffer, hash.byteOffset).getBigUint64(0, true)

/** u64(KDF[split](key)) mod 12: 0 test, 1 validation, else train. */
export function splitOf(key: string): SplitName {
  const slot = u64(kdf('split', utf8(key))) % 12n
  if (slot === 0n) return 'test'
  return slot === 1n ? 'validation' : 'train'
}

/** Cuts at a line end where there is one in the second half, never inside a UTF-8 character. */
function cut(bytes: Uint8Array): Uint8Array[] {
  const pieces: Uint8Array[] = []
  let from = 0
  while (bytes.length - from > PIECE_BYTES_MAX) {
    const line = bytes.lastIndexOf(10, from + PIECE_BYTES_MAX - 1)
    let to = line > from + PIECE_BYTES_MAX / 2 ? line + 1 : from + PIECE_BYTES_MAX
    while (((bytes[to] ?? 0) & 0xc0) === 0x80) to--
    pieces.push(bytes.subarray(from, to))
    from = to
  }
  pieces.push(bytes.subarray(from))
  return pieces.filter((piece) => piece.length > 0)
}

/** Documents in the order of KDF[order](key); those of one key stay in the order they came in. */
function ordered(documents: readonly Document[]): Document[] {
  const ranks = new Map<string, bigint>()
  for (const { key } of documents) if (!ranks.has(key)) ranks.set(key, u64(kdf('order', utf8(key))))
  const rank = ({ key }: Document): bigint => ranks.get(key) ?? 0n
  return [...documents].sort((a, b) => (rank(a) < rank(b) ? -1 : rank(a) > rank(b) ? 1 : 0))
}

/** The three splits of one domain's documents. A split that is full takes no more; documents are read only for splits that are not. */
export function split(documents: readonly Document[]): Splits {
  const all: Splits = { train: [], validation: [], test: [] }
  const left = { train: TRAIN_BYTES_MAX, validation: HELD_READ_BYTES_MAX, test: HELD_READ_BYTES_MAX }
  const seen = new Set<string>()
  for (const { key, text } of ordered(documents)) {
    const name = splitOf(key)
    if (left[name] <= 0) continue
    for (const [part, bytes] of cut(utf8(text())).entries()) {
      const hash = createHash('sha256').update(bytes).digest('base64')
      if (seen.has(hash) || bytes.length > left[name]) continue
      seen.add(hash)
      left[name] -= bytes.length
      all[name].push({ key, part, bytes })
    }
  }
  const known = windowSet(all.train.map(({ bytes }) => bytes))
  return { train: all.train, validation: held(all.validation, known), test: held(all.test, known) }
}

/** Held-out pieces that the training text does not already hold, up to their limit. */
function held(pieces: readonly Piece[], known: WindowSet): Piece[] {
  let left = HELD_BYTES_MAX
  return pieces.filter(({ bytes }) => {
    if (bytes.length > left || known.overlap(bytes) > OVERLAP_MAX) return false
    left -= bytes.length
    return true
  })
}
