/** One connection after its handshake: the channel's name, whose keys the peer proved, and what is under way. */
import { toHex } from '../protocol/bytes.ts'
import type { Hex } from '../protocol/bytes.ts'
import { NodeError } from '../protocol/errors.ts'
import type { Binding, Hello } from '../protocol/frames.ts'
import { BINDINGS_MAX } from '../protocol/wire-limits.ts'
import type { Connection } from './carrier.ts'
import { ReplayWindow } from './replay-window.ts'

interface BoundKey {
  expires: number
  seq: number
  replay: ReplayWindow
}

export class Session {
  readonly connection: Connection
  readonly peer: Hex
  readonly channel: Uint8Array
  readonly hello: Hello
  /** Calls under way, ours and the peer's, and when the last one ended (monotonic ms). */
  incoming = 0
  usedAt: number
  /** Expiry of the binding that we proved here, and the last nonce that we used. */
  provenUntil = 0
  nonce = 0
  readonly #bound = new Map<Hex, BoundKey>()
  readonly #outMax: number
  readonly #waitingMax: number
  #outgoing = 0
  readonly #waiting: { resolve(): void; reject(error: unknown): void }[] = []

  constructor(
    connection: Connection,
    agreed: { channel: Uint8Array; hello: Hello },
    limits: { callsOutMax: number; callsWaitingMax: number; now: number },
  ) {
    this.connection = connection
    this.peer = toHex(connection.remotePeer)
    this.channel = agreed.channel
    this.hello = agreed.hello
    this.usedAt = limits.now
    this.#outMax = limits.callsOutMax
    this.#waitingMax = limits.callsWaitingMax
    const end = (): void => {
      for (const { reject } of this.#waiting.splice(0)) reject(connection.gone.reason)
    }
    connection.gone.addEventListener('abort', end, { once: true })
  }

  get isBusy(): boolean {
    return this.incoming + this.#outgoing > 0
  }

  get isGone(): boolean {
    return this.connection.gone.aborted
  }

  /** Takes checked bindings over; a renewed one keeps its replay state. @throws NodeError WIRE_UNAUTHENTICATED beyond 8 keys */
  bind(bindings: readonly Binding[], now: number): void {
    for (const [hotkey, { expires }] of this.#bound) if (expires <= now) this.#bound.delete(hotkey)
    for (const { hotkey, expires, seq } of bindings) {
      const known = this.#bound.get(toHex(hotkey))
      if (known === undefined && this.#bound.size >= BINDINGS_MAX)
        throw new NodeError('WIRE_UNAUTHENTICATED', { detail: 'too many keys on one connection' })
      if (known === undefined || seq >= known.seq)
        this.#bound.set(toHex(hotkey), { expires, seq, replay: known?.replay ?? new ReplayWindow() })
    }
  }

  /** Replay state of a key with a live binding here, or undefined. */
  replayOf(hotkey: Uint8Array, now: number): ReplayWindow | undefined {
    const key = this.#bound.get(toHex(hotkey))
    return key !== undefined && now < key.expires ? key.replay : undefined
  }

  /** Keys with a live binding here. */
  hotkeys(now: number): Hex[] {
    return [...this.#bound].filter(([, { expires }]) => now < expires).map(([hotkey]) => hotkey)
  }

  /** Waits for one of the streams that may be open at once. @throws NodeError WIRE_BUSY, or why the connection is gone */
  async takeStream(): Promise<void> {
    if (this.isGone) throw this.connection.gone.reason
    if (this.#outgoing < this.#outMax) {
      this.#outgoing++
      return
    }
    if (this.#waiting.length >= this.#waitingMax) throw new NodeError('WIRE_BUSY', { retryAfterMs: 1_000 })
    const turn = Promise.withResolvers<void>()
    this.#waiting.push(turn)
    await turn.promise
  }

  releaseStream(now: number): void {
    this.usedAt = now
    const next = this.#waiting.shift()
    if (next === undefined) this.#outgoing--
    else next.resolve()
  }
}
