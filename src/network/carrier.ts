/**
 * What carries calls: connections between two peers with byte streams in them. libp2p and the memory hub fill this
 * contract; handshake, checks, queue and signatures stand above it and are the same for both.
 */

/** One two-way stream of bytes, half-closable. */
export interface ByteStream {
  /** Queues bytes; resolves when the stream takes more. Rejects with the reason when the stream is gone. */
  write(bytes: Uint8Array): Promise<void>
  /**
   * The next piece in order, null after the other side's last; what nobody reads holds the other side back. What came before
   * the other side's reset can still be read; then, or after an own reset, it rejects with the reason.
   */
  read(): Promise<Uint8Array | null>
  /** Writes no more; reading goes on. */
  end(): Promise<void>
  /** Ends both directions at once and discards what is under way; the other side learns that the stream is gone. */
  reset(reason: Error): void
  /** Aborts, with the reason, when either side reset the stream or the connection is gone. Not after a clean end of both sides. */
  readonly gone: AbortSignal
}

/** One connection whose far end is known by its peer id. */
export interface Connection {
  /** Peer ids as multihash bytes, at most 64. */
  readonly localPeer: Uint8Array
  readonly remotePeer: Uint8Array
  /** Where limits for strangers are counted: an IPv4 address, an IPv6 /64, or a name in memory. */
  readonly remoteHost: string
  /** Whether this side dialled. */
  readonly dialer: boolean
  /** Opens a stream of a protocol. Rejects when the connection is gone or `signal` aborts. */
  open(protocol: string, signal: AbortSignal): Promise<ByteStream>
  close(): Promise<void>
  /** Aborts when the connection is gone. */
  readonly gone: AbortSignal
}

/** What a carrier tells its user. */
export interface CarrierEvents {
  /** Another peer connected. */
  onConnection(connection: Connection): void
  /** The other side of a connection opened a stream; it belongs to the receiver of this event. */
  onStream(connection: Connection, protocol: string, stream: ByteStream): void
  /** Whether a peer may connect at all. */
  admits(remotePeer: Uint8Array): boolean
}

export interface Carrier {
  addresses(): string[]
  /** Whether an address may be dialled here (wire.md 1.8), and if not, why. */
  refuses(address: string): string | undefined
  /** Connects to the first address that answers. @throws NodeError WIRE_UNREACHABLE */
  dial(addresses: readonly string[], signal: AbortSignal): Promise<Connection>
  /** Takes no more connections, ends those there are, frees the address. */
  close(): Promise<void>
}
