/**
 * Frames between the node and the GPU program, alike in both directions: u32 LE length of the rest, u32 LE length of
 * the header, the header (a JSON object in UTF-8), then the payload. What comes in is treated like a stranger's bytes:
 * a length is refused before anything is allocated for it, and a payload is allocated only as large as its header may have.
 */
import { NodeError } from '../../protocol/errors.ts'

/** Bytes of a frame after its first length: the largest pair of matrices that one call may carry. */
export const FRAME_BYTES_MAX = 2 ** 30
/** A header says what and how large, never data. */
export const HEADER_BYTES_MAX = 65_536

const PREFIX_BYTES = 8
/** `{}` */
const HEADER_BYTES_MIN = 2

export type Header = Readonly<Record<string, unknown>>
export interface Frame {
  header: Header
  /** A buffer of its own, so that typed arrays can be laid over it. */
  payload: Uint8Array<ArrayBuffer>
}

const broken = (detail: string, cause?: unknown): NodeError => new NodeError('GPU_PROTOCOL', { detail }, { cause })

/** Prefix and header of a frame whose payload of `payloadBytes` follows. @throws NodeError GPU_PROTOCOL beyond the limits */
export function frameHead(header: Header, payloadBytes: number): Uint8Array {
  const text = Buffer.from(JSON.stringify(header))
  const rest = 4 + text.length + payloadBytes
  if (text.length > HEADER_BYTES_MAX || rest > FRAME_BYTES_MAX) throw broken(`a frame of ${rest} bytes, its header ${text.length}`)
  const head = Buffer.allocUnsafe(PREFIX_BYTES + text.length)
  head.writeUInt32LE(rest, 0)
  head.writeUInt32LE(text.length, 4)
  head.set(text, PREFIX_BYTES)
  return head
}

function parseHeader(bytes: Uint8Array): Header {
  let value: unknown
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes))
  } catch (cause) {
    throw broken('a header that is no JSON', cause)
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw broken('a header that is no object')
  return value as Header
}

export interface FrameReaderParts {
  /** Most payload bytes that a frame with this header may carry; may throw what is wrong with the header. */
  payloadBytesMax(header: Header): number
  onFrame(frame: Frame): void
}

/** Puts frames together from chunks of any size. Once `push` has thrown, the stream is lost: there is no next frame to find. */
export class FrameReader {
  readonly #parts: FrameReaderParts
  #target = new Uint8Array(PREFIX_BYTES)
  #filled = 0
  #stage: 'prefix' | 'header' | 'payload' = 'prefix'
  #payloadBytes = 0
  #header: Header = {}

  constructor(parts: FrameReaderParts) {
    this.#parts = parts
  }

  /** Whether the stream may not end here. */
  get partial(): boolean {
    return this.#stage !== 'prefix' || this.#filled > 0
  }

  /** @throws NodeError GPU_PROTOCOL */
  push(chunk: Uint8Array): void {
    for (let at = 0; at < chunk.length;) {
      const take = Math.min(chunk.length - at, this.#target.length - this.#filled)
      this.#target.set(chunk.subarray(at, at + take), this.#filled)
      this.#filled += take
      at += take
      if (this.#filled === this.#target.length) this.#next()
    }
  }

  #expect(stage: 'prefix' | 'header' | 'payload', bytes: number): void {
    this.#stage = stage
    this.#target = new Uint8Array(bytes)
    this.#filled = 0
  }

  #next(): void {
    const full = this.#target
    if (this.#stage === 'prefix') {
      const view = new DataView(full.buffer)
      const [rest, header] = [view.getUint32(0, true), view.getUint32(4, true)]
      if (rest > FRAME_BYTES_MAX) throw broken(`a frame of ${rest} bytes`)
      if (header < HEADER_BYTES_MIN || header > HEADER_BYTES_MAX || header + 4 > rest)
        throw broken(`a header of ${header} bytes in ${rest}`)
      this.#payloadBytes = rest - 4 - header
      this.#expect('header', header)
    } else if (this.#stage === 'header') {
      this.#header = parseHeader(full)
      const most = this.#parts.payloadBytesMax(this.#header)
      if (this.#payloadBytes > most) throw broken(`a payload of ${this.#payloadBytes} bytes where ${most} are due`)
      if (this.#payloadBytes === 0) this.#finish(new Uint8Array(0))
      else this.#expect('payload', this.#payloadBytes)
    } else this.#finish(full)
  }

  #finish(payload: Uint8Array<ArrayBuffer>): void {
    const header = this.#header
    this.#expect('prefix', PREFIX_BYTES)
    this.#parts.onFrame({ header, payload })
  }
}
