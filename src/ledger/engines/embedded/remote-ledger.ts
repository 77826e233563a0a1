/**
 * The host's side of a ledger in a worker: the same Ledger port over messages. Requests that wait are bounded, subscriptions are pulled
 * block by block, and when the worker ends for any reason everyone who waits is told LEDGER_STOPPED.
 */
import { NodeError } from '../../../protocol/errors.ts'
import type { BlockEvents, Ledger, Queries, QueryName, Receipt } from '../../../protocol/ports/ledger.ts'
import type { Log, Signer } from '../../../protocol/ports/platform.ts'
import { type End, nodeError, type ToHost, type ToWorker } from './channel.ts'

/** Requests that may wait at once: above what the mempool holds, so that its refusal is the one a caller sees. */
const WAITING_MAX = 32_768

export type HostEnd = End<ToWorker, ToHost>

interface Waiting {
  resolve(value: unknown): void
  reject(error: unknown): void
  /** A subscription ends quietly when the ledger is closed; everything else is refused. */
  subscription: boolean
}

interface Ready {
  resolve(chain: Ledger['chain']): void
  reject(error: unknown): void
}

/** A ledger whose engine runs elsewhere. Call `ended` when the other side is gone, whatever the reason. */
export interface RemoteLedger extends Ledger {
  /** Resolves when the other side has ended: null after `close`, else why. */
  readonly stopped: Promise<NodeError | null>
  ended(reason: string): void
}

/** Resolves when the worker has recovered its state and serves. @throws what the worker failed with, LEDGER_STOPPED when it died */
export async function remoteLedger(
  end: HostEnd,
  parts: { signer: Signer; log: Log },
  onDeath: (tell: (reason: string) => void) => void,
): Promise<RemoteLedger> {
  const ready = Promise.withResolvers<Ledger['chain']>()
  const ledger = new Remote(end, parts, ready)
  onDeath((reason) => ledger.ended(reason))
  ledger.chain = await ready.promise
  return ledger
}

class Remote implements RemoteLedger {
  chain: Ledger['chain'] = { id: '', genesis: new Uint8Array(), kind: 'local' }
  readonly stopped: Promise<NodeError | null>
  readonly #end: HostEnd
  readonly #signer: Signer
  readonly #log: Log
  readonly #ready: Ready
  readonly #stop: (failure: NodeError | null) => void
  readonly #waiting = new Map<number, Waiting>()
  #calls = 0
  #over: { failure: NodeError | null } | null = null
  #closing = false

  constructor(end: HostEnd, parts: { signer: Signer; log: Log }, ready: Ready) {
    this.#end = end
    this.#signer = parts.signer
    this.#log = parts.log
    this.#ready = ready
    const { promise, resolve } = Promise.withResolvers<NodeError | null>()
    this.stopped = promise
    this.#stop = resolve
    end.on('message', (message) => this.#hear(message))
  }

  async submit(transaction: Uint8Array, signal?: AbortSignal): Promise<Receipt> {
    signal?.throwIfAborted()
    const { call, promise } = this.#begin()
    this.#end.postMessage({ type: 'submit', call, bytes: transaction })
    const abort = (): void => {
      this.#end.postMessage({ type: 'abort', call })
      this.#take(call)?.reject(signal?.reason)
    }
    signal?.addEventListener('abort', abort, { once: true })
    try {
      return (await promise) as Receipt
    } finally {
      signal?.removeEventListener('abort', abort)
    }
  }

  async query<Q extends QueryName>(name: Q, ...args: Queries[Q]['args']): Promise<Queries[Q]['result']> {
    const { call, promise } = this.#begin()
    this.#end.postMessage({ type: 'query', call, name, args })
    return (await promise) as Queries[Q]['result']
  }

  async *subscribe(from: number, signal: AbortSignal): AsyncGenerator<BlockEvents, void, undefined> {
    if (signal.aborted) return
    if (this.#over !== null) return this.#endOf(this.#over.failure)
    const call = this.#calls++
    this.#end.postMessage({ type: 'subscribe', call, from })
    const stop = (): void => this.#waiting.get(call)?.resolve(null)
    signal.addEventListener('abort', stop, { once: true })
    try {
      while (!signal.aborted) {
        const over = this.#over as { failure: NodeError | null } | null
        if (over !== null) return this.#endOf(over.failure)
        const block = await this.#wait(call, () => this.#end.postMessage({ type: 'next', call }))
        if (block === null) return
        yield block as BlockEvents
      }
    } finally {
      signal.removeEventListener('abort', stop)
      this.#waiting.delete(call)
      if (this.#over === null) this.#end.postMessage({ type: 'unsubscribe', call })
    }
  }

  async close(): Promise<void> {
    if (this.#over === null && !this.#closing) {
      this.#closing = true
      this.#end.postMessage({ type: 'close' })
    }
    await this.stopped
  }

  ended(reason: string): void {
    this.#finish(new NodeError('LEDGER_STOPPED', { detail: reason }))
  }

  #endOf(failure: NodeError | null): void {
    if (failure !== null) throw new NodeError('LEDGER_STOPPED', { detail: failure.message })
  }

  #begin(): { call: number; promise: Promise<unknown> } {
    if (this.#over !== null || this.#closing)
      throw new NodeError('LEDGER_STOPPED', { detail: this.#over?.failure?.message ?? 'it was closed' })
    if (this.#waiting.size >= WAITING_MAX) throw new NodeError('LEDGER_BUSY', { detail: 'too many requests wait' })
    const call = this.#calls++
    const { promise, resolve, reject } = Promise.withResolvers<unknown>()
    this.#waiting.set(call, { resolve, reject, subscription: false })
    return { call, promise }
  }

  #wait(call: number, ask: () => void): Promise<unknown> {
    return new Promise((resolve, reject) => {
      this.#waiting.set(call, { resolve, reject, subscription: true })
      ask()
    })
  }

  #hear(message: ToHost): void {
    switch (message.type) {
      case 'ready':
        return this.#ready.resolve(message.chain)
      case 'receipt':
        return this.#take(message.call)?.resolve(message.receipt)
      case 'answer':
        return this.#take(message.call)?.resolve(message.value)
      case 'block':
        return this.#take(message.call)?.resolve(message.block)
      case 'error':
        return this.#take(message.call)?.reject(nodeError(message.error))
      case 'sign':
        return void this.#sign(message.call, message.message)
      case 'log':
        return this.#log[message.level](message.message, message.data)
      case 'stopped':
        return this.#finish(message.error && nodeError(message.error))
    }
  }

  #take(call: number): Waiting | undefined {
    const waiting = this.#waiting.get(call)
    this.#waiting.delete(call)
    return waiting
  }

  async #sign(call: number, message: Uint8Array): Promise<void> {
    try {
      this.#end.postMessage({ type: 'signed', call, signature: await this.#signer.sign(message), reason: '' })
    } catch (error) {
      this.#end.postMessage({ type: 'signed', call, signature: null, reason: error instanceof Error ? error.message : String(error) })
    }
  }

  /** The first reason counts; whoever still waits hears of it. */
  #finish(failure: NodeError | null): void {
    if (this.#over !== null) return
    this.#over = { failure }
    this.#ready.reject(failure ?? new NodeError('LEDGER_STOPPED', { detail: 'it ended before it served' }))
    const refusal = new NodeError('LEDGER_STOPPED', { detail: failure?.message ?? 'it was closed' }, { cause: failure })
    for (const waiting of this.#waiting.values())
      if (waiting.subscription && failure === null) waiting.resolve(null)
      else waiting.reject(refusal)
    this.#waiting.clear()
    this.#stop(failure)
  }
}
