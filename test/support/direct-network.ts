/**
 * Calls between roles in one process without any wire: the rules of the callee (class, sizes, deadline, cancellation) hold, a
 * failure crosses as the wire error of its code. For tests of roles; the network's own tests use real transports.
 */
import { toHex } from '../../src/protocol/bytes.ts'
import { NodeError } from '../../src/protocol/errors.ts'
import type { Access, Answer, CallOptions, Handler, MethodRule, Network, PeerTarget } from '../../src/protocol/ports/network.ts'
import { wireCodeOf } from '../../src/protocol/wire-errors.ts'

const stranger: Access = { registered: false, permit: false, admitted: false, share: 0 }

export class DirectHub {
  readonly access = new Map<string, Access>()
  readonly neurons = new Map<string, DirectNetwork>()
  /** Allow-listed callers. */
  readonly allowed = new Set<string>()
  /** Calls begun, by callee and method, and those whose signal was aborted. */
  readonly calls: { callee: string; method: string; aborted: boolean }[] = []
  /** Calls that have neither answer nor failure yet. */
  inFlight = 0
  /** Runs before a call is handled: throws, waits, or does nothing. */
  before: (callee: string, method: string, signal: AbortSignal) => Promise<void> = async () => undefined

  join(hotkey: Uint8Array): DirectNetwork {
    const network = new DirectNetwork(this, hotkey)
    this.neurons.set(toHex(hotkey), network)
    return network
  }
}

class DirectNetwork implements Network {
  readonly handlers = new Map<string, { rule: MethodRule; handler: Handler }>()
  readonly #hub: DirectHub
  readonly #hotkey: Uint8Array

  constructor(hub: DirectHub, hotkey: Uint8Array) {
    this.#hub = hub
    this.#hotkey = hotkey
  }

  addresses(): string[] {
    return [`/memory/${toHex(this.#hotkey).slice(0, 8)}`]
  }

  serve(method: string, rule: MethodRule, handler: Handler): void {
    this.handlers.set(method, { rule, handler })
  }

  async call(peer: PeerTarget, method: string, body: Uint8Array, options: CallOptions): Promise<Answer> {
    const callee = toHex(peer.hotkey)
    const served = this.#hub.neurons.get(callee)?.handlers.get(method)
    if (served === undefined) throw new NodeError('WIRE_UNREACHABLE', { detail: callee })
    const { rule, handler } = served
    const access = this.#hub.access.get(toHex(this.#hotkey)) ?? stranger
    const holds = { open: true, registered: access.registered, admitted: access.admitted, permit: access.permit }[rule.class]
    if (!holds && !this.#hub.allowed.has(toHex(this.#hotkey))) throw new NodeError('WIRE_FORBIDDEN', { detail: method })
    if (body.length > rule.requestBytesMax) throw new NodeError('WIRE_TOO_LARGE', { detail: method })
    const record = { callee, method, aborted: false }
    this.#hub.calls.push(record)
    const stop = new AbortController()
    const timer = setTimeout(() => stop.abort(new NodeError('WIRE_DEADLINE', { detail: method })), options.deadlineMs)
    const signal = options.signal === undefined ? stop.signal : AbortSignal.any([stop.signal, options.signal])
    const chunks: Uint8Array[] = []
    const gone = new Promise<never>((_, reject) => {
      signal.addEventListener('abort', () => {
        record.aborted = true
        reject(signal.reason)
      })
    })
    gone.catch(() => undefined)
    this.#hub.inFlight += 1
    try {
      signal.throwIfAborted()
      const handled = async (): Promise<Uint8Array> => {
        await this.#hub.before(callee, method, signal)
        return await handler({
          caller: this.#hotkey,
          netuid: options.netuid,
          method,
          body: body.slice(),
          deadline: Date.now() + options.deadlineMs,
          access,
          signal,
          chunk: async (data) => {
            chunks.push(data)
          },
        })
      }
      const answer = await Promise.race([handled(), gone])
      if (answer.length > rule.answerBytesMax) throw new NodeError('WIRE_ANSWER_INVALID', { detail: 'too long' })
      const none = new Uint8Array(0)
      return { body: answer, chunks, call: none, head: none, signature: none, roundTripMs: 0, queueMs: 0, runMs: 0 }
    } catch (error) {
      if (error instanceof NodeError && error.code.startsWith('WIRE_')) throw error
      if (signal.aborted) throw signal.reason
      throw new NodeError(wireCodeOf(error), { detail: error instanceof Error ? error.message : String(error) })
    } finally {
      this.#hub.inFlight -= 1
      clearTimeout(timer)
    }
  }

  // eslint-disable-next-line require-yield -- streams are not used by the roles under test
  async *stream(): AsyncGenerator<Uint8Array, Answer> {
    throw new NodeError('WIRE_UNSUPPORTED', { detail: 'stream' })
  }

  async close(): Promise<void> {
    this.#hub.neurons.delete(toHex(this.#hotkey))
  }
}
