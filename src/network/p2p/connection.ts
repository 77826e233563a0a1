/** A libp2p connection as the carrier contract has it. */
import type { Connection as Libp2pConnection } from '@libp2p/interface'
import { NodeError } from '../../protocol/errors.ts'
import type { ByteStream, Connection } from '../carrier.ts'
import { hostOfConnection } from './pending.ts'
import { P2pStream } from './stream.ts'

/** How long a connection may take to end in good order before it is cut. */
const CLOSE_MS = 500

export class P2pConnection implements Connection {
  readonly localPeer: Uint8Array
  readonly remotePeer: Uint8Array
  readonly remoteHost: string
  readonly dialer: boolean
  readonly #connection: Libp2pConnection
  readonly #gone = new AbortController()

  constructor(connection: Libp2pConnection, localPeer: Uint8Array) {
    this.#connection = connection
    this.localPeer = localPeer
    this.remotePeer = connection.remotePeer.toMultihash().bytes
    this.remoteHost = hostOfConnection(connection)
    this.dialer = connection.direction === 'outbound'
    connection.addEventListener('close', () => this.#vanish())
    if (connection.status !== 'open') this.#vanish()
  }

  get gone(): AbortSignal {
    return this.#gone.signal
  }

  async open(protocol: string, signal: AbortSignal): Promise<ByteStream> {
    this.gone.throwIfAborted()
    try {
      return new P2pStream(await this.#connection.newStream([protocol], { signal }))
    } catch (error) {
      this.gone.throwIfAborted()
      throw new NodeError('WIRE_UNREACHABLE', { detail: 'the peer opens no stream' }, { cause: error })
    }
  }

  async close(): Promise<void> {
    this.#vanish()
    try {
      await this.#connection.close({ signal: AbortSignal.timeout(CLOSE_MS) })
    } catch (error) {
      this.#connection.abort(error instanceof Error ? error : new Error('close failed'))
    }
  }

  #vanish(): void {
    if (!this.gone.aborted) this.#gone.abort(new NodeError('WIRE_UNREACHABLE', { detail: 'the connection ended' }))
  }
}
