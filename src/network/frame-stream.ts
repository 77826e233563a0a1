/** Frames over a byte stream, and what a watchdog needs to know of it: whether a write has been held back, and since when. */
import { NodeError } from '../protocol/errors.ts'
import { encodeFrame, FrameDecoder } from '../protocol/frame-codec.ts'
import type { Frame, FrameCap, FrameKind } from '../protocol/frame-codec.ts'
import type { Containers } from '../protocol/frames.ts'
import type { Clock } from '../protocol/ports/platform.ts'
import type { ByteStream } from './carrier.ts'

export class FrameStream {
  readonly bytes: ByteStream
  readonly #decoder: FrameDecoder
  readonly #clock: Pick<Clock, 'monotonic'>
  #writing = 0
  #blockedAt = 0
  #waitingAt = 0

  constructor(bytes: ByteStream, cap: FrameCap, clock: Pick<Clock, 'monotonic'>) {
    this.bytes = bytes
    this.#decoder = new FrameDecoder(cap)
    this.#clock = clock
  }

  /** Milliseconds for which a write has waited for the other side to take more; 0 if none waits. */
  get blockedMs(): number {
    return this.#writing === 0 ? 0 : this.#clock.monotonic() - this.#blockedAt
  }

  /** Milliseconds for which a read has waited for bytes; 0 if none waits. */
  get waitingMs(): number {
    return this.#waitingAt === 0 ? 0 : this.#clock.monotonic() - this.#waitingAt
  }

  /** The next frame, or null after the other side's last. @throws NodeError WIRE_MALFORMED, WIRE_TOO_LARGE, or the reason why the stream is gone */
  async next(): Promise<Frame | null> {
    for (;;) {
      const frame = this.#decoder.next()
      if (frame !== undefined) return frame
      this.#waitingAt = this.#clock.monotonic() || 1
      const piece = await this.bytes.read()
      this.#waitingAt = 0
      if (piece !== null) this.#decoder.push(piece)
      else if (this.#decoder.held === 0) return null
      else throw new NodeError('WIRE_MALFORMED', { detail: 'the stream ends inside a frame' })
    }
  }

  async send<K extends FrameKind>(kind: K, value: Containers[K]): Promise<void> {
    await this.sendBytes(encodeFrame(kind, value))
  }

  /** Sends a frame that is encoded already. */
  async sendBytes(frame: Uint8Array): Promise<void> {
    if (this.#writing++ === 0) this.#blockedAt = this.#clock.monotonic()
    try {
      await this.bytes.write(frame)
      this.#blockedAt = this.#clock.monotonic()
    } finally {
      this.#writing--
    }
  }
}
