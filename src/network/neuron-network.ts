/**
 * One neuron's network over any carrier: connects and shakes hands once per peer, calls and serves over what stands,
 * renews its binding, closes what is idle and refuses who misbehaves. `p2p/` and `memory/` only bring the carrier.
 */
import { NodeError } from '../protocol/errors.ts'
import type { Answer, CallOptions, Handler, MethodRule, Network, PeerTarget } from '../protocol/ports/network.ts'
import { CALL_AGE_MS_MAX, METHOD_PATTERN, OPEN_BODY_BYTES_MAX, REQUEST_BYTES_MAX } from '../protocol/wire-limits.ts'
import type { Service } from './admission.ts'
import { callOver, openCall } from './calling.ts'
import type { Outgoing } from './calling.ts'
import type { ByteStream, Carrier, CarrierEvents } from './carrier.ts'
import { FairQueue } from './fair-queue.ts'
import type { NeuronOptions, NeuronParts, Settings } from './options.ts'
import { settingsOf } from './options.ts'
import { RateLimiter } from './rate-limiter.ts'
import { serveCall } from './serving.ts'
import type { ServingParts } from './serving.ts'
import type { Session } from './session.ts'
import { Sessions } from './sessions.ts'
import { after, unlessAborted } from './time-limit.ts'

/** How long `close` lets answers of refused calls leave. */
const FAREWELL_MS = 500

export class NeuronNetwork implements Network {
  readonly #settings: Settings
  readonly #parts: NeuronParts
  readonly #services = new Map<string, Service>()
  readonly #sessions: Sessions
  readonly #serving: ServingParts
  readonly #closing = new AbortController()
  readonly #jobs = new Set<Promise<void>>()
  #carrier!: Carrier
  #closed: Promise<void> | undefined

  private constructor(options: NeuronOptions, parts: NeuronParts) {
    this.#settings = settingsOf(options, parts.signer)
    this.#parts = parts
    this.#sessions = new Sessions(this.#settings, parts, {
      serve: (session, stream) => this.#serve(session, stream),
      closing: this.#closing.signal,
    })
    const { queueRequestsMax, queueBytesMax, queuePerCallerMax, runningMax } = this.#settings
    const queueLimits = { requestsMax: queueRequestsMax, bytesMax: queueBytesMax, perCallerMax: queuePerCallerMax, runningMax }
    this.#serving = {
      ...parts,
      services: this.#services,
      rates: new RateLimiter(parts.clock),
      queue: new FairQueue(queueLimits, parts),
      closing: this.#closing.signal,
      punish: (session, points) => this.#sessions.punish(session, points),
    }
  }

  /** Opens a carrier with the events of this network and stands on it. */
  static async on(
    options: NeuronOptions,
    parts: NeuronParts,
    openCarrier: (events: CarrierEvents) => Promise<Carrier>,
  ): Promise<NeuronNetwork> {
    const network = new NeuronNetwork(options, parts)
    network.#carrier = await openCarrier(network.#sessions.events)
    network.#sessions.start(network.#carrier)
    return network
  }

  addresses(): string[] {
    return this.#carrier.addresses()
  }

  serve(method: string, rule: MethodRule, handler: Handler): void {
    const wrong = (detail: string): never => {
      throw new NodeError('WIRE_CONFIG', { detail: `method ${method}: ${detail}` })
    }
    if (!METHOD_PATTERN.test(method)) wrong('no such name')
    if (this.#services.has(method)) wrong('served already')
    if (rule.requestBytesMax > REQUEST_BYTES_MAX) wrong(`requests have at most ${REQUEST_BYTES_MAX} bytes`)
    this.#services.set(method, { rule, handler })
  }

  async call(peer: PeerTarget, method: string, body: Uint8Array, options: CallOptions): Promise<Answer> {
    const answer = this.#call(peer, method, body, options, false)
    for (;;) {
      const { done, value } = await answer.next()
      if (done) return value
    }
  }

  stream(peer: PeerTarget, method: string, body: Uint8Array, options: CallOptions): AsyncGenerator<Uint8Array, Answer> {
    return this.#call(peer, method, body, options, true)
  }

  async *#call(
    peer: PeerTarget,
    method: string,
    body: Uint8Array,
    options: CallOptions,
    wantsStream: boolean,
  ): AsyncGenerator<Uint8Array, Answer> {
    const { clock } = this.#parts
    const anonymous = options.anonymous === true
    checkOutgoing(method, body, options, anonymous)
    const deadline = clock.now() + options.deadlineMs
    const stopping = new AbortController()
    const onAbort = (): void => stopping.abort(new NodeError('WIRE_CANCELLED'))
    const onClosing = (): void => stopping.abort(new NodeError('WIRE_SHUTTING_DOWN'))
    options.signal?.addEventListener('abort', onAbort, { once: true })
    this.#closing.signal.addEventListener('abort', onClosing, { once: true })
    if (options.signal?.aborted === true) onAbort()
    if (this.#closing.signal.aborted) onClosing()
    const late = after(clock, options.deadlineMs, () => stopping.abort(new NodeError('WIRE_DEADLINE', { detail: 'no answer in time' })))
    const { signal } = stopping
    let opened: { session: Session; stream: ByteStream } | undefined
    try {
      opened = await this.#open(peer, signal)
      const { netuid } = options
      const unsignedEnd = options.unsignedEnd === true
      const out: Outgoing = { receiver: peer.hotkey, method, body, netuid, deadline, wantsStream, unsignedEnd, anonymous, signal }
      this.#parts.metrics?.count('network_calls_out')
      return yield* callOver(opened.session, opened.stream, out, this.#settings, this.#serving)
    } finally {
      late.stop()
      if (opened !== undefined) void this.#release(opened.session, opened.stream)
      options.signal?.removeEventListener('abort', onAbort)
      this.#closing.signal.removeEventListener('abort', onClosing)
    }
  }

  /** A stream to the peer, on the connection that stands or, where that turns out to be dead, on a new one. Nothing was sent before, so trying again repeats nothing. */
  async #open(peer: PeerTarget, signal: AbortSignal): Promise<{ session: Session; stream: ByteStream }> {
    for (let isFresh = false; ;) {
      signal.throwIfAborted()
      const standing: Session | undefined = this.#sessions.find(peer.hotkey)
      if (standing === undefined) isFresh = true
      const session = standing ?? (await unlessAborted(this.#sessions.connect(peer), signal))
      try {
        await this.#takeStream(session, signal)
      } catch (error) {
        if (isFresh || signal.aborted || !session.isGone) throw error
        continue
      }
      try {
        return { session, stream: await unlessAborted(openCall(session, signal), signal) }
      } catch (error) {
        session.releaseStream(this.#parts.clock.monotonic())
        if (isFresh || signal.aborted || !session.isGone) throw unreachable(error)
      }
    }
  }

  async #takeStream(session: Session, signal: AbortSignal): Promise<void> {
    const turn = session.takeStream()
    try {
      await unlessAborted(turn, signal)
    } catch (error) {
      // A turn that comes after all is given back.
      if (signal.aborted) turn.then(() => session.releaseStream(this.#parts.clock.monotonic())).catch(() => undefined)
      throw error
    }
  }

  /** A stream's place is free when the other side has ended it, too: until then it counts against what the connection may carry. */
  async #release(session: Session, stream: ByteStream): Promise<void> {
    const late = after(this.#parts.clock, this.#settings.silentMs, () => stream.reset(new NodeError('WIRE_CANCELLED')))
    try {
      const more = await stream.read()
      if (more !== null) stream.reset(new NodeError('WIRE_CANCELLED'))
    } catch {
      // Gone is as good as ended.
    } finally {
      late.stop()
      session.releaseStream(this.#parts.clock.monotonic())
    }
  }

  #serve(session: Session, stream: ByteStream): void {
    const job = serveCall(stream, session, this.#settings, this.#serving)
    this.#jobs.add(job)
    void job.finally(() => this.#jobs.delete(job))
  }

  close(): Promise<void> {
    this.#closed ??= this.#close()
    return this.#closed
  }

  async #close(): Promise<void> {
    this.#closing.abort(new NodeError('WIRE_SHUTTING_DOWN'))
    const patience = new AbortController()
    const farewell = this.#parts.clock.sleep(FAREWELL_MS, patience.signal).catch(() => undefined)
    await Promise.race([Promise.all(this.#jobs), farewell])
    patience.abort()
    await this.#sessions.close()
    await this.#carrier.close()
  }
}

function checkOutgoing(method: string, body: Uint8Array, options: CallOptions, anonymous: boolean): void {
  if (!METHOD_PATTERN.test(method)) throw new NodeError('WIRE_MALFORMED', { detail: 'no such method name' })
  if (body.length > (anonymous ? OPEN_BODY_BYTES_MAX : REQUEST_BYTES_MAX))
    throw new NodeError('WIRE_TOO_LARGE', { detail: `${body.length} bytes` })
  if (!(options.deadlineMs > 0 && options.deadlineMs <= CALL_AGE_MS_MAX))
    throw new NodeError('WIRE_DEADLINE', { detail: `a call lasts at most ${CALL_AGE_MS_MAX} ms` })
}

const unreachable = (error: unknown): NodeError =>
  error instanceof NodeError ? error : new NodeError('WIRE_UNREACHABLE', { detail: 'no stream' }, { cause: error })
