/** Frames on a stream (wire.md 1.2): `uvarint(n) ‖ type ‖ ssz`, n = 1 + length of ssz, the prefix minimal and at most four bytes. */
import { NodeError } from './errors.ts'
import { decode, encode } from './frames.ts'
import type { Containers } from './frames.ts'
import { FRAME_PREFIX_BYTES_MAX } from './wire-limits.ts'

/** Frame kinds and their type bytes. */
export const frameTypes = {
  hello: 0x01,
  auth: 0x02,
  request: 0x10,
  open: 0x11,
  ack: 0x20,
  chunk: 0x21,
  end: 0x22,
  error: 0x2f,
} as const
export type FrameKind = keyof typeof frameTypes
/** One decoded frame. */
export type Frame = { [K in FrameKind]: { kind: K; value: Containers[K]; ssz: Uint8Array } }[FrameKind]

const kinds = new Map<number, FrameKind>(Object.entries(frameTypes).map(([kind, type]) => [type, kind as FrameKind]))
/** Types that a later minor version may add; they are skipped, all other unknown ones are malformed. */
const isSkipped = (type: number): boolean => type >= 0x60 && type <= 0x7f

/** One frame as bytes. */
export function encodeFrame<K extends FrameKind>(kind: K, value: Containers[K]): Uint8Array {
  return frameOf(kind, encode(kind, value))
}

/** One frame around bytes that are encoded already. */
export function frameOf(kind: FrameKind, ssz: Uint8Array): Uint8Array {
  const prefix: number[] = []
  let rest = 1 + ssz.length
  while (rest > 0x7f) {
    prefix.push((rest & 0x7f) | 0x80)
    rest >>>= 7
  }
  prefix.push(rest)
  const out = new Uint8Array(prefix.length + 1 + ssz.length)
  out.set(prefix)
  out[prefix.length] = frameTypes[kind]
  out.set(ssz, prefix.length + 1)
  return out
}

/** The longest frame of a kind that is taken here, prefix apart; 0 where that kind has no place. */
export type FrameCap = (kind: FrameKind) => number
/** Longest frame of a type that is skipped. */
const SKIPPED_BYTES_MAX = 4 * 1024

/**
 * Cuts a stream of bytes into frames. A frame longer than its cap is refused when its length is known, before room is
 * made for it. Pieces are kept as they come and joined once.
 */
export class FrameDecoder {
  readonly #cap: FrameCap
  readonly #pieces: Uint8Array[] = []
  #held = 0
  /** Bytes of prefix, type and body of the frame under way; undefined until prefix and type are read. */
  #frame: { skip: number; kind: FrameKind | undefined; total: number } | undefined

  constructor(cap: FrameCap) {
    this.#cap = cap
  }

  /** Bytes that wait for the rest of their frame. */
  get held(): number {
    return this.#held
  }

  push(bytes: Uint8Array): void {
    if (bytes.length === 0) return
    this.#pieces.push(bytes)
    this.#held += bytes.length
  }

  /** The next whole frame, or undefined until more bytes come. @throws NodeError WIRE_MALFORMED, WIRE_TOO_LARGE */
  next(): Frame | undefined {
    for (;;) {
      this.#frame ??= this.#open()
      if (this.#frame === undefined || this.#held < this.#frame.total) return undefined
      const { skip, kind, total } = this.#frame
      this.#frame = undefined
      const ssz = this.#take(total).subarray(skip)
      if (kind !== undefined) return { kind, value: decode(kind, ssz), ssz } as Frame
    }
  }

  /** Reads prefix and type of the frame at hand, without taking them. */
  #open(): { skip: number; kind: FrameKind | undefined; total: number } | undefined {
    let length = 0
    for (let i = 0; ; i++) {
      if (i === FRAME_PREFIX_BYTES_MAX) throw new NodeError('WIRE_MALFORMED', { detail: 'frame prefix is too long' })
      const byte = this.#at(i)
      if (byte === undefined) return undefined
      length |= (byte & 0x7f) << (7 * i)
      if ((byte & 0x80) !== 0) continue
      if (length === 0 || (i > 0 && byte === 0)) throw new NodeError('WIRE_MALFORMED', { detail: 'frame prefix is not minimal' })
      const type = this.#at(i + 1)
      if (type === undefined) return undefined
      const kind = kinds.get(type)
      if (kind === undefined && !isSkipped(type)) throw new NodeError('WIRE_MALFORMED', { detail: `unknown frame type ${type}` })
      const cap = kind === undefined ? SKIPPED_BYTES_MAX : this.#cap(kind)
      if (cap === 0) throw new NodeError('WIRE_MALFORMED', { detail: `no ${kind} frame belongs here` })
      if (length > cap) throw new NodeError('WIRE_TOO_LARGE', { detail: `frame of ${length} bytes` })
      return { skip: i + 2, kind, total: i + 1 + length }
    }
  }

  #at(index: number): number | undefined {
    let rest = index
    for (const piece of this.#pieces) {
      if (rest < piece.length) return piece[rest]
      rest -= piece.length
    }
    return undefined
  }

  /** Takes `length` bytes, which are there; joins pieces only where the frame spans several. */
  #take(length: number): Uint8Array {
    this.#held -= length
    const [first] = this.#pieces
    if (first !== undefined && first.length >= length) {
      if (first.length === length) this.#pieces.shift()
      else this.#pieces[0] = first.subarray(length)
      return first.subarray(0, length)
    }
    const out = new Uint8Array(length)
    let at = 0
    while (at < length) {
      const piece = this.#pieces[0] as Uint8Array
      const part = piece.subarray(0, length - at)
      out.set(part, at)
      at += part.length
      if (part.length === piece.length) this.#pieces.shift()
      else this.#pieces[0] = piece.subarray(part.length)
    }
    return out
  }
}
