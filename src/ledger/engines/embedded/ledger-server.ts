/** The worker's side of a ledger in a thread of its own: answers what the host asks, one message each. */
import { NodeError } from '../../../protocol/errors.ts'
import type { BlockEvents, Queries, QueryName } from '../../../protocol/ports/ledger.ts'
import type { Log, LogData, Signer } from '../../../protocol/ports/platform.ts'
import { type End, plainError, type SignerFacts, type ToHost, type ToWorker } from './channel.ts'
import type { EmbeddedLedger } from './embedded.ts'

export type WorkerEnd = End<ToHost, ToWorker>

/** A signer whose key stays with the host. */
export function hostSigner(facts: SignerFacts, end: WorkerEnd): Signer {
  const waiting = new Map<number, { resolve(signature: Uint8Array): void; reject(error: NodeError): void }>()
  let calls = 0
  end.on('message', (message) => {
    if (message.type !== 'signed') return
    const call = waiting.get(message.call)
    waiting.delete(message.call)
    if (message.signature === null) call?.reject(new NodeError('LEDGER_STOPPED', { detail: `no signature: ${message.reason}` }))
    else call?.resolve(message.signature)
  })
  return {
    ...facts,
    sign: (message) =>
      new Promise((resolve, reject) => {
        const call = calls++
        waiting.set(call, { resolve, reject })
        end.postMessage({ type: 'sign', call, message })
      }),
  }
}

/** A log whose lines the host writes. */
export function hostLog(end: WorkerEnd, prefix = ''): Log {
  const line =
    (level: 'debug' | 'info' | 'warn' | 'error') =>
    (message: string, data?: LogData): void =>
      end.postMessage({ type: 'log', level, message: prefix + message, data })
  return { debug: line('debug'), info: line('info'), warn: line('warn'), error: line('error'), child: (name) => hostLog(end, `${name}: `) }
}

/** Serves until the host closes it or the engine stops. Resolves when the last message is sent; `release` (the store) runs before it. */
export async function serveLedger(ledger: EmbeddedLedger, end: WorkerEnd, release: () => void): Promise<void> {
  const submissions = new Map<number, AbortController>()
  const subscriptions = new Map<number, { blocks: AsyncIterator<BlockEvents>; done: AbortController }>()
  const failed = (call: number, error: unknown): void => end.postMessage({ type: 'error', call, error: plainError(error) })

  const submit = async (call: number, bytes: Uint8Array): Promise<void> => {
    const abort = new AbortController()
    submissions.set(call, abort)
    try {
      end.postMessage({ type: 'receipt', call, receipt: await ledger.submit(bytes, abort.signal) })
    } catch (error) {
      if (!abort.signal.aborted) failed(call, error)
    } finally {
      submissions.delete(call)
    }
  }
  const query = async (call: number, name: QueryName, args: unknown[]): Promise<void> => {
    try {
      end.postMessage({ type: 'answer', call, value: await ledger.query(name, ...(args as Queries[QueryName]['args'])) })
    } catch (error) {
      failed(call, error)
    }
  }
  const next = async (call: number): Promise<void> => {
    const subscription = subscriptions.get(call)
    if (subscription === undefined) return
    try {
      const step = await subscription.blocks.next()
      if (subscriptions.has(call)) end.postMessage({ type: 'block', call, block: step.done === true ? null : step.value })
    } catch (error) {
      failed(call, error)
    }
  }
  const unsubscribe = (call: number): void => {
    subscriptions.get(call)?.done.abort()
    subscriptions.delete(call)
  }
  const act = (message: ToWorker): Promise<void> | void => {
    switch (message.type) {
      case 'submit':
        return submit(message.call, message.bytes)
      case 'abort':
        return submissions.get(message.call)?.abort()
      case 'query':
        return query(message.call, message.name, message.args)
      case 'subscribe': {
        const done = new AbortController()
        subscriptions.set(message.call, { blocks: ledger.subscribe(message.from, done.signal)[Symbol.asyncIterator](), done })
        return
      }
      case 'next':
        return next(message.call)
      case 'unsubscribe':
        return unsubscribe(message.call)
      case 'close':
        return ledger.close()
      case 'signed':
        return // the signer's
    }
  }
  end.on('message', (message) => void act(message))
  end.postMessage({ type: 'ready', chain: ledger.chain })
  const failure = await ledger.stopped
  release()
  end.postMessage({ type: 'stopped', error: failure && plainError(failure) })
}
