/** A libp2p stream as the carrier contract has it: pulled, with bounded reading ahead, and one signal for every way to be gone. */
import type { Stream, StreamCloseEvent, StreamMessageEvent } from '@libp2p/interface'
import { NodeError } from '../../protocol/errors.ts'
import type { ByteStream } from '../carrier.ts'

/** Unread bytes at which the stream is paused; what comes before yamux stops sending is bounded by its window. */
const UNREAD_BYTES_MAX = 64 * 1024

const unreachable = (): NodeError => new NodeError('WIRE_UNREACHABLE', { detail: 'the peer reset the stream' })

export class P2pStream implements ByteStream {
  readonly #stream: Stream
  readonly #gone = new AbortController()
  readonly #inbox: Uint8Array[] = []
  #unread = 0
  #reader: { resolve(piece: Uint8Array | null): void; reject(reason: unknown): void } | undefined
  #hasEnded = false
  /** The other side has said that it writes no more; all that it wrote has come. */
  #isEndKnown = false
  #isHeardOut = false

  constructor(stream: Stream) {
    this.#stream = stream
    stream.addEventListener('message', (event) => this.#onMessage(event))
    stream.addEventListener('remoteCloseWrite', () => {
      this.#isEndKnown = true
    })
    stream.addEventListener('end', () => this.#onEnd())
    stream.addEventListener('close', (event) => this.#onClose(event))
    this.#catchUp()
  }

  /** What happened before there were listeners: the library hands a stream over some turns after it has begun. */
  #catchUp(): void {
    const { status, remoteWriteStatus, readableEnded } = this.#stream
    this.#isEndKnown = remoteWriteStatus === 'closed'
    if (readableEnded) this.#onEnd()
    // Buffered data is given out in a microtask of its own, which comes first.
    if (status !== 'open' && status !== 'closing') queueMicrotask(() => this.#vanish(unreachable()))
  }

  get gone(): AbortSignal {
    return this.#gone.signal
  }

  async write(bytes: Uint8Array): Promise<void> {
    this.gone.throwIfAborted()
    try {
      if (this.#stream.send(bytes)) return
    } catch (error) {
      this.gone.throwIfAborted()
      throw new NodeError('WIRE_UNREACHABLE', { detail: 'the stream takes no more' }, { cause: error })
    }
    while (this.#stream.writableNeedsDrain) await this.#drained()
  }

  /** Resolves at the next drain event. The library's own `onDrain` resolves only once truly and then at once. */
  async #drained(): Promise<void> {
    this.gone.throwIfAborted()
    const drained = Promise.withResolvers<void>()
    const onGone = (): void => drained.reject(this.gone.reason)
    const onDrain = (): void => drained.resolve()
    this.#stream.addEventListener('drain', onDrain, { once: true })
    this.gone.addEventListener('abort', onGone, { once: true })
    try {
      await drained.promise
    } finally {
      this.#stream.removeEventListener('drain', onDrain)
      this.gone.removeEventListener('abort', onGone)
    }
  }

  async read(): Promise<Uint8Array | null> {
    const piece = this.#inbox.shift()
    if (piece !== undefined) {
      this.#unread -= piece.length
      if (this.#unread === 0 && this.#stream.readStatus === 'paused') this.#stream.resume()
      return piece
    }
    if (this.#isHeardOut) return null
    this.gone.throwIfAborted()
    const reader = Promise.withResolvers<Uint8Array | null>()
    this.#reader = reader
    return await reader.promise
  }

  async end(): Promise<void> {
    if (this.#hasEnded || this.gone.aborted) return
    this.#hasEnded = true
    try {
      await this.#stream.close({ signal: this.gone })
    } catch (error) {
      this.gone.throwIfAborted()
      throw new NodeError('WIRE_UNREACHABLE', { detail: 'the stream did not end' }, { cause: error })
    }
  }

  reset(reason: Error): void {
    if (this.#isDone) return
    this.#inbox.length = 0
    this.#vanish(reason)
    this.#stream.abort(reason)
  }

  get #isDone(): boolean {
    return this.gone.aborted || this.#stream.status === 'closed'
  }

  #onMessage({ data }: StreamMessageEvent): void {
    // A plain view: the bytes may come as a Buffer, whose slices are no copies.
    const bytes = data.subarray()
    const piece = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    const reader = this.#reader
    if (reader !== undefined) {
      this.#reader = undefined
      reader.resolve(piece)
      return
    }
    this.#inbox.push(piece)
    this.#unread += piece.length
    if (this.#unread > UNREAD_BYTES_MAX && this.#stream.readStatus === 'readable') this.#stream.pause()
  }

  /** Fires for resets, too: only what the other side ended is an end. */
  #onEnd(): void {
    const { status } = this.#stream
    if (!this.#isEndKnown || status === 'aborted' || status === 'reset') return
    this.#isHeardOut = true
    this.#reader?.resolve(null)
    this.#reader = undefined
  }

  #onClose(event: StreamCloseEvent): void {
    if (event.error === undefined && this.#hasEnded && this.#isEndKnown) return
    this.#vanish(unreachable())
  }

  #vanish(reason: Error): void {
    if (this.gone.aborted) return
    this.#gone.abort(reason)
    this.#reader?.reject(reason)
    this.#reader = undefined
  }
}
