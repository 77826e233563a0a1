/** A connection in memory: two ends that know each other, streams between them, and one link each way. */
import { NodeError } from '../../protocol/errors.ts'
import type { ByteStream, CarrierEvents, Connection } from '../carrier.ts'
import type { Link } from './link.ts'
import { MemoryStream } from './stream.ts'

/** One side of a connection, as the hub knows it. */
export interface End {
  peerId: Uint8Array
  name: string
  events: CarrierEvents
}

export class MemoryConnection implements Connection {
  readonly localPeer: Uint8Array
  readonly remotePeer: Uint8Array
  readonly remoteHost: string
  readonly dialer: boolean
  readonly #events: CarrierEvents
  readonly #out: Link
  readonly #back: Link
  readonly #gone = new AbortController()
  readonly #streams = new Set<MemoryStream>()
  #peer!: MemoryConnection

  private constructor(local: End, remote: End, out: Link, back: Link, dialer: boolean) {
    this.localPeer = local.peerId
    this.remotePeer = remote.peerId
    this.remoteHost = remote.name
    this.dialer = dialer
    this.#events = local.events
    this.#out = out
    this.#back = back
  }

  /** Both ends of a new connection. */
  static pair(dialer: End, listener: End, there: Link, back: Link): { near: MemoryConnection; far: MemoryConnection } {
    const near = new MemoryConnection(dialer, listener, there, back, true)
    const far = new MemoryConnection(listener, dialer, back, there, false)
    near.#peer = far
    far.#peer = near
    return { near, far }
  }

  get gone(): AbortSignal {
    return this.#gone.signal
  }

  async open(protocol: string, signal: AbortSignal): Promise<ByteStream> {
    signal.throwIfAborted()
    this.gone.throwIfAborted()
    const { near, far } = MemoryStream.pair(this.#out, this.#back)
    this.#keep(near)
    const peer = this.#peer
    this.#out.send(() => {
      if (peer.gone.aborted) return
      peer.#keep(far)
      peer.#events.onStream(peer, protocol, far)
    })
    return near
  }

  /** Streams that ended cleanly are dropped when the next one comes. */
  #keep(stream: MemoryStream): void {
    for (const old of this.#streams) if (old.isDone) this.#streams.delete(old)
    this.#streams.add(stream)
  }

  async close(): Promise<void> {
    if (this.gone.aborted) return
    this.vanish('the connection was closed')
    this.#out.send(() => this.#peer.vanish('the peer closed the connection'))
  }

  /** The connection is no more, for this end alone. */
  vanish(detail: string): void {
    if (this.gone.aborted) return
    const reason = new NodeError('WIRE_UNREACHABLE', { detail })
    this.#gone.abort(reason)
    for (const stream of this.#streams) stream.vanish(reason)
    this.#streams.clear()
  }
}
