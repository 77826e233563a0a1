/** The connections of one neuron with their handshakes: found by hotkey, dialled once, renewed, closed when idle or refused. */
import { equal, toHex } from '../protocol/bytes.ts'
import type { Hex } from '../protocol/bytes.ts'
import { NodeError } from '../protocol/errors.ts'
import type { PeerTarget } from '../protocol/ports/network.ts'
import { HELLO_PROTOCOL, PEERS_PER_HOTKEY_MAX } from '../protocol/wire-limits.ts'
import { Bindings } from './bindings.ts'
import type { ByteStream, Carrier, CarrierEvents, Connection } from './carrier.ts'
import { errorFrame, penaltyOf } from './error-frame.ts'
import { FrameStream } from './frame-stream.ts'
import { answerGreeting, expectFrame, greet, helloCap } from './handshake.ts'
import type { Agreed } from './handshake.ts'
import type { NeuronParts, Settings } from './options.ts'
import { Penalties } from './penalties.ts'
import { Session } from './session.ts'
import { after, ticking, unlessAborted } from './time-limit.ts'

/** How often idle connections and old bindings are looked for. */
const SWEEP_MS = 15_000

interface Owner {
  /** Takes a call stream of a peer whose handshake is done. */
  serve(session: Session, stream: ByteStream): void
  closing: AbortSignal
}

export class Sessions {
  readonly events: CarrierEvents
  readonly #settings: Settings
  readonly #parts: NeuronParts
  readonly #owner: Owner
  readonly #bindings: Bindings
  readonly #penalties: Penalties
  readonly #sessions = new Map<Connection, Session>()
  /** Connections whose handshake is still due. */
  readonly #strangers = new Map<Connection, { stop(): void }>()
  readonly #dialling = new Map<Hex, Promise<Session>>()
  #carrier!: Carrier
  #sweep: { stop(): void } | undefined

  constructor(settings: Settings, parts: NeuronParts, owner: Owner) {
    this.#settings = settings
    this.#parts = parts
    this.#owner = owner
    this.#bindings = new Bindings(settings, parts)
    this.#penalties = new Penalties(parts.clock)
    this.events = {
      onConnection: (connection) => this.#expectHello(connection),
      onStream: (connection, protocol, stream) => void this.#onStream(connection, protocol, stream),
      admits: (remotePeer) => !owner.closing.aborted && !this.#penalties.isRefused(toHex(remotePeer)),
    }
  }

  start(carrier: Carrier): void {
    this.#carrier = carrier
    this.#sweep = ticking(this.#parts.clock, SWEEP_MS, () => {
      this.#closeIdle()
      this.#renew()
      return SWEEP_MS
    })
  }

  /** A session on which the key's binding is live; the latest of several. */
  find(hotkey: Uint8Array): Session | undefined {
    let found: Session | undefined
    for (const session of this.#sessions.values())
      if (!session.isGone && session.replayOf(hotkey, this.#parts.clock.now()) !== undefined) found = session
    return found
  }

  /** Connects to a peer and believes nothing before it proved its key. Callers that come meanwhile share the attempt. */
  connect(peer: PeerTarget): Promise<Session> {
    const key = toHex(peer.hotkey)
    let attempt = this.#dialling.get(key)
    if (attempt === undefined) {
      attempt = this.#connect(peer).finally(() => this.#dialling.delete(key))
      attempt.catch(() => undefined)
      this.#dialling.set(key, attempt)
    }
    return attempt
  }

  async #connect({ hotkey, addresses }: PeerTarget): Promise<Session> {
    const refusals = addresses.map((address) => this.#carrier.refuses(address))
    const dialable = addresses.filter((_, i) => refusals[i] === undefined)
    if (dialable.length === 0) throw new NodeError('WIRE_ADDRESS_REFUSED', { detail: refusals[0] ?? 'there is none' })
    const startedAt = this.#parts.clock.monotonic()
    const connection = await this.#limited(this.#settings.dialMs, 'no connection', (signal) => this.#carrier.dial(dialable, signal))
    try {
      const session = await this.#limited(this.#settings.handshakeMs, 'no handshake', (signal) => this.#greet(connection, signal))
      if (session.replayOf(hotkey, this.#parts.clock.now()) === undefined)
        throw new NodeError('WIRE_UNAUTHENTICATED', { detail: 'the peer proved another key' })
      this.#parts.metrics?.observe('network_connect_ms', this.#parts.clock.monotonic() - startedAt)
      return session
    } catch (error) {
      this.#blame(connection, error)
      await connection.close()
      throw error
    }
  }

  /** Work that may take so long, and no longer than the network stands. */
  async #limited<T>(ms: number, detail: string, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const stopping = new AbortController()
    const late = after(this.#parts.clock, ms, () => stopping.abort(new NodeError('WIRE_UNREACHABLE', { detail: `${detail} in ${ms} ms` })))
    const onClosing = (): void => stopping.abort(new NodeError('WIRE_SHUTTING_DOWN'))
    this.#owner.closing.addEventListener('abort', onClosing, { once: true })
    if (this.#owner.closing.aborted) onClosing()
    try {
      return await unlessAborted(work(stopping.signal), stopping.signal)
    } finally {
      late.stop()
      this.#owner.closing.removeEventListener('abort', onClosing)
    }
  }

  async #greet(connection: Connection, signal: AbortSignal): Promise<Session> {
    const own = await this.#bindings.own(connection.localPeer)
    const stream = await connection.open(HELLO_PROTOCOL, signal)
    const onAbort = (): void => stream.reset(signal.reason)
    signal.addEventListener('abort', onAbort, { once: true })
    const frames = new FrameStream(stream, helloCap, this.#parts.clock)
    try {
      const agreed = await greet(frames, connection, own, this.#settings, this.#parts)
      return this.#accept(connection, agreed, own)
    } catch (error) {
      await this.#tell(frames, error)
      throw error
    } finally {
      signal.removeEventListener('abort', onAbort)
    }
  }

  /** Makes a session of a handshake whose bindings hold. */
  #accept(
    connection: Connection,
    { channel, hello, auth }: Agreed,
    own: { bindings: readonly { binding: { expires: number } }[] },
  ): Session {
    const bindings = this.#bindings.check(auth, connection.remotePeer)
    const { callsOutMax, callsWaitingMax } = this.#settings
    const now = this.#parts.clock.monotonic()
    const session = new Session(connection, { channel, hello }, { callsOutMax, callsWaitingMax, now })
    this.#checkLivePeers(session, bindings)
    session.bind(bindings, this.#parts.clock.now())
    session.provenUntil = own.bindings[0]?.binding.expires ?? 0
    if (session.isGone) throw new NodeError('WIRE_UNREACHABLE', { detail: 'the connection ended' })
    this.#sessions.set(connection, session)
    this.#greeted(connection)
    connection.gone.addEventListener('abort', () => this.#sessions.delete(connection), { once: true })
    this.#parts.metrics?.gauge('network_sessions', this.#sessions.size)
    return session
  }

  #checkLivePeers(session: Session, bindings: readonly { hotkey: Uint8Array }[]): void {
    const now = this.#parts.clock.now()
    for (const { hotkey } of bindings) {
      const key = toHex(hotkey)
      const peers = new Set([...this.#sessions.values()].filter((other) => other.hotkeys(now).includes(key)).map(({ peer }) => peer))
      if (!peers.has(session.peer) && peers.size >= PEERS_PER_HOTKEY_MAX)
        throw new NodeError('WIRE_UNAUTHENTICATED', { detail: 'too many live peers of one key' })
    }
  }

  /** A connection that does not shake hands in time is closed. */
  #expectHello(connection: Connection): void {
    const timer = after(this.#parts.clock, this.#settings.handshakeMs, () => {
      this.#strangers.delete(connection)
      void connection.close()
    })
    this.#strangers.set(connection, timer)
    connection.gone.addEventListener('abort', () => this.#greeted(connection), { once: true })
  }

  #greeted(connection: Connection): void {
    this.#strangers.get(connection)?.stop()
    this.#strangers.delete(connection)
  }

  async #onStream(connection: Connection, protocol: string, stream: ByteStream): Promise<void> {
    const session = this.#sessions.get(connection)
    if (protocol === HELLO_PROTOCOL) await this.#onHello(connection, session, stream)
    else if (session !== undefined) this.#owner.serve(session, stream)
    else stream.reset(new NodeError('WIRE_UNAUTHENTICATED', { detail: 'no handshake' }))
  }

  /** The first hello stream of a connection is its handshake; later ones renew bindings. */
  async #onHello(connection: Connection, session: Session | undefined, stream: ByteStream): Promise<void> {
    const frames = new FrameStream(stream, helloCap, this.#parts.clock)
    const late = after(this.#parts.clock, this.#settings.handshakeMs, () =>
      stream.reset(new NodeError('WIRE_DEADLINE', { detail: 'no handshake in time' })),
    )
    try {
      if (session !== undefined) await this.#onRenewal(session, frames)
      else if (connection.dialer) throw new NodeError('WIRE_MALFORMED', { detail: 'the dialer greets first' })
      else {
        const own = await this.#bindings.own(connection.localPeer)
        const accept = (agreed: Agreed): void => void this.#accept(connection, agreed, own)
        await answerGreeting(frames, connection, own, accept, this.#settings, this.#parts)
      }
    } catch (error) {
      this.#blame(connection, error)
      await this.#tell(frames, error)
      if (!this.#sessions.has(connection)) await connection.close()
    } finally {
      late.stop()
    }
  }

  async #onRenewal(session: Session, frames: FrameStream): Promise<void> {
    const { value: auth } = await expectFrame(frames, 'auth')
    const bindings = this.#bindings.check(auth, session.connection.remotePeer)
    this.#checkLivePeers(session, bindings)
    session.bind(bindings, this.#parts.clock.now())
    await frames.bytes.end()
  }

  async #tell(frames: FrameStream, error: unknown): Promise<void> {
    if (frames.bytes.gone.aborted) return
    try {
      await frames.send('error', errorFrame(error, this.#parts.clock.now()))
      await frames.bytes.end()
    } catch {
      // The stream is gone: nobody is left to tell.
    }
  }

  #blame(connection: Connection, error: unknown): void {
    this.#punish(connection.remotePeer, penaltyOf(error))
  }

  punish(session: Session, points: number): void {
    this.#punish(session.connection.remotePeer, points)
  }

  #punish(remotePeer: Uint8Array, points: number): void {
    if (points === 0) return
    const peer = toHex(remotePeer)
    this.#parts.metrics?.count('network_penalty_points', points)
    if (!this.#penalties.add(peer, points)) return
    this.#parts.log.warn('peer refused for 15 minutes', { peer })
    for (const connection of [...this.#sessions.keys(), ...this.#strangers.keys()])
      if (equal(connection.remotePeer, remotePeer)) void connection.close()
  }

  #closeIdle(): void {
    const now = this.#parts.clock.monotonic()
    for (const session of this.#sessions.values())
      if (!session.isBusy && now - session.usedAt >= this.#settings.idleMs) void session.connection.close()
  }

  /** Sends our new binding wherever the one that we proved is past half its life. */
  #renew(): void {
    const now = this.#parts.clock.now()
    for (const session of this.#sessions.values())
      if (session.provenUntil - now <= this.#settings.bindingMs / 2) void this.#renewOn(session).catch(() => undefined)
  }

  async #renewOn(session: Session): Promise<void> {
    const own = await this.#bindings.own(session.connection.localPeer)
    await this.#limited(this.#settings.handshakeMs, 'no renewal', async (signal) => {
      const stream = await session.connection.open(HELLO_PROTOCOL, signal)
      const frames = new FrameStream(stream, helloCap, this.#parts.clock)
      await frames.send('auth', own)
      await stream.end()
    })
    session.provenUntil = own.bindings[0]?.binding.expires ?? 0
  }

  async close(): Promise<void> {
    this.#sweep?.stop()
    for (const timer of this.#strangers.values()) timer.stop()
    await Promise.all([...this.#sessions.keys()].map((connection) => connection.close()))
    await Promise.allSettled(this.#dialling.values())
  }
}
