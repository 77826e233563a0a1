/** A byte stream in memory. A window of unread bytes holds the writer back, as yamux does. */
import { NodeError } from '../../protocol/errors.ts'
import type { ByteStream } from '../carrier.ts'
import type { Link } from './link.ts'

/** Bytes that may be unread at the other end before a writer waits. */
const WINDOW_BYTES = 256 * 1024

export class MemoryStream implements ByteStream {
  readonly #out: Link
  readonly #gone = new AbortController()
  readonly #inbox: (Uint8Array | null)[] = []
  #reader: { resolve(piece: Uint8Array | null): void; reject(reason: unknown): void } | undefined
  #peer!: MemoryStream
  #unread = 0
  #room: PromiseWithResolvers<void> | undefined
  #hasEnded = false
  /** The other side's end has arrived. */
  #isHeardOut = false

  private constructor(out: Link) {
    this.#out = out
  }

  /** Both ends of a new stream: what `near` writes goes through `there`. */
  static pair(there: Link, back: Link): { near: MemoryStream; far: MemoryStream } {
    const near = new MemoryStream(there)
    const far = new MemoryStream(back)
    near.#peer = far
    far.#peer = near
    return { near, far }
  }

  get gone(): AbortSignal {
    return this.#gone.signal
  }

  async write(bytes: Uint8Array): Promise<void> {
    this.gone.throwIfAborted()
    if (this.#hasEnded) throw new NodeError('WIRE_UNREACHABLE', { detail: 'this side has ended' })
    const copy = bytes.slice()
    this.#unread += copy.length
    this.#out.send(() => this.#peer.#arrive(copy))
    if (this.#unread <= WINDOW_BYTES) return
    this.#room ??= Promise.withResolvers()
    await this.#room.promise
  }

  async end(): Promise<void> {
    if (this.#hasEnded || this.gone.aborted) return
    this.#hasEnded = true
    this.#out.send(() => this.#peer.#arrive(null))
  }

  async read(): Promise<Uint8Array | null> {
    const piece = this.#inbox.shift()
    if (piece !== undefined) {
      if (piece !== null) this.#peer.#credit(piece.length)
      return piece
    }
    if (this.#isHeardOut) return null
    this.gone.throwIfAborted()
    this.#reader = Promise.withResolvers<Uint8Array | null>()
    return await (this.#reader as PromiseWithResolvers<Uint8Array | null>).promise
  }

  reset(reason: Error): void {
    if (this.isDone) return
    this.#inbox.length = 0
    this.vanish(reason)
    this.#out.send(() => this.#peer.vanish(new NodeError('WIRE_UNREACHABLE', { detail: 'the peer reset the stream' })))
  }

  /** The stream is no more, for this end alone. */
  vanish(reason: unknown): void {
    if (this.isDone) return
    this.#gone.abort(reason)
    this.#reader?.reject(reason)
    this.#room?.reject(reason)
    this.#room?.promise.catch(() => undefined)
  }

  /** Whether both sides have ended, or the stream is gone: nothing more can come of it. */
  get isDone(): boolean {
    return (this.#hasEnded && this.#isHeardOut) || this.gone.aborted
  }

  #arrive(piece: Uint8Array | null): void {
    if (this.gone.aborted) return
    if (piece === null) this.#isHeardOut = true
    const reader = this.#reader
    this.#reader = undefined
    if (reader === undefined) this.#inbox.push(piece)
    else {
      if (piece !== null) this.#peer.#credit(piece.length)
      reader.resolve(piece)
    }
  }

  #credit(bytes: number): void {
    this.#unread -= bytes
    if (this.#unread > WINDOW_BYTES) return
    this.#room?.resolve()
    this.#room = undefined
  }
}
