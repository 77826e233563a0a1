/**
 * The watermark: what the store has promised to keep, in a file that SQLite does not touch. SQLite drops everything after a
 * damaged frame of its log without an error; a store that ends below its watermark is therefore refused (reliability.md 4.1, rules 4 and 6).
 *
 * The file has two slots, one disk page apart. A new mark overwrites the older slot, so a torn write leaves the other one whole.
 * Slot: magic (8 bytes) ‖ count u64 ‖ hash B32 ‖ state root B32 ‖ CRC-32 u32, little-endian; count = height + 1, 0 while empty.
 */
import { crc32 } from 'node:zlib'
import { u32le, u64le } from '../../protocol/bytes.ts'

/** What is promised: the highest acknowledged height with its hash and state root; height -1 while nothing is. */
export interface Mark {
  height: number
  hash: Uint8Array
  root: Uint8Array
}

export const NO_MARK: Mark = { height: -1, hash: new Uint8Array(32), root: new Uint8Array(32) }
/** Slots lie a page apart: a device that tears a write inside one page cannot reach the other slot. */
export const SLOT_STRIDE_BYTES = 4096
export const WATERMARK_BYTES = 2 * SLOT_STRIDE_BYTES

const MAGIC = Buffer.from('TAUMARK1', 'ascii')
const SLOT_BYTES = 8 + 8 + 32 + 32 + 4

/** The bytes of one slot. */
export function encodeSlot(mark: Mark): Uint8Array {
  const body = Buffer.concat([MAGIC, u64le(BigInt(mark.height + 1)), mark.hash, mark.root])
  return Buffer.concat([body, u32le(crc32(body))])
}

/** The mark of one slot, null when its magic, checksum or height is wrong. */
function decodeSlot(slot: Uint8Array): Mark | null {
  const bytes = Buffer.from(slot.buffer, slot.byteOffset, Math.min(slot.length, SLOT_BYTES))
  if (bytes.length < SLOT_BYTES || !bytes.subarray(0, 8).equals(MAGIC)) return null
  if (bytes.readUInt32LE(SLOT_BYTES - 4) !== crc32(bytes.subarray(0, SLOT_BYTES - 4))) return null
  const count = bytes.readBigUInt64LE(8)
  if (count > BigInt(Number.MAX_SAFE_INTEGER)) return null
  return { height: Number(count) - 1, hash: new Uint8Array(bytes.subarray(16, 48)), root: new Uint8Array(bytes.subarray(48, 80)) }
}

/** Both slots read: the newer mark, the slot to overwrite next, and whether a slot is damaged. Null when both are. */
export function readSlots(slots: readonly [Uint8Array, Uint8Array]): { mark: Mark; next: 0 | 1; damaged: boolean } | null {
  const [first, second] = [decodeSlot(slots[0]), decodeSlot(slots[1])]
  if (first === null) return second === null ? null : { mark: second, next: 0, damaged: true }
  if (second === null) return { mark: first, next: 1, damaged: true }
  return first.height >= second.height ? { mark: first, next: 1, damaged: false } : { mark: second, next: 0, damaged: false }
}

/** The end of a store, for comparison with its mark. */
export interface StoreEnd {
  height: number
  hash: Uint8Array
  parent: Uint8Array
  root: Uint8Array
}

/**
 * Whether a store that ends at `end` (null = empty) keeps what the watermark promises: it ends at the mark, or one block above it when
 * the process was killed between the commit and the mark. A damaged slot is believed to be such a torn write only in that second case.
 * @returns null when it does, else one line that says what is wrong
 */
export function continuityFault(read: { mark: Mark; damaged: boolean }, end: StoreEnd | null): string | null {
  const { mark, damaged } = read
  const height = end?.height ?? -1
  const same = (a: Uint8Array, b: Uint8Array): boolean => Buffer.compare(a, b) === 0
  if (height < mark.height) return `the blocks end at height ${height}, but height ${mark.height} was acknowledged`
  if (height > mark.height + 1) return `the blocks end at height ${height}, above the watermark at ${mark.height}`
  if (end === null || height === mark.height) {
    if (damaged) return 'one slot of the watermark is damaged, and no interrupted write explains it'
    if (end !== null && !(same(end.hash, mark.hash) && same(end.root, mark.root)))
      return `the block at height ${height} is not the one that was acknowledged`
    return null
  }
  if (mark.height >= 0 && !same(end.parent, mark.hash)) return `the block at height ${height} does not follow the acknowledged one`
  return null
}
