/** Waiting no longer than a port's clock allows. */
import type { Clock } from '../protocol/ports/platform.ts'

/** Why a timer ends that nobody needs any more: one value, since an abort without a reason makes an error with a stack each time. */
const STOPPED = 'stopped'

/** Calls `late` once after `ms` unless it is stopped before. The timer is gone as soon as `stop` returns. */
export function after(clock: Pick<Clock, 'sleep'>, ms: number, late: () => void): { stop(): void } {
  const stopping = new AbortController()
  clock.sleep(ms, stopping.signal).then(late, () => undefined)
  return { stop: () => stopping.abort(STOPPED) }
}

/** What `work` gives, unless `signal` aborts first: then its reason. `work` goes on unseen; its failure is nobody's. */
export async function unlessAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  if (signal.aborted) {
    work.catch(() => undefined)
    throw signal.reason
  }
  const stop = Promise.withResolvers<never>()
  const onAbort = (): void => stop.reject(signal.reason)
  signal.addEventListener('abort', onAbort, { once: true })
  try {
    return await Promise.race([work, stop.promise])
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
}

/** Calls `tick` after `firstMs` and then after as many milliseconds as it returns; 0 or less ends it, and so does `stop`. */
export function ticking(clock: Pick<Clock, 'sleep'>, firstMs: number, tick: () => number): { stop(): void } {
  const stopping = new AbortController()
  const run = async (): Promise<void> => {
    for (let ms = firstMs; ms > 0; ms = tick()) {
      await clock.sleep(ms, stopping.signal)
      if (stopping.signal.aborted) return
    }
  }
  run().catch(() => undefined)
  return { stop: () => stopping.abort(STOPPED) }
}
