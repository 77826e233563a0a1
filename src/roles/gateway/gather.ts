/** Waits for several experts at once, but not for the slowest: most of the mixture now is worth more than all of it later. */
import type { Clock } from '../../protocol/ports/platform.ts'

export interface GatherOptions {
  /** How long the slower half may take after the faster half, at least. */
  graceMs: number
}
/** Slower ones may take this many times as long as the faster half did. */
const GRACE_FACTOR = 3

export type Outcome<T> = { status: 'answered'; value: T } | { status: 'failed'; reason: unknown }

/**
 * Starts `work` for every item; once half of them (rounded up) have answered, the rest get the grace and are then given up: their
 * signal aborts and they count as failed. Aborting `signal` aborts all and rejects with its reason.
 */
export async function gather<I, T>(
  options: GatherOptions,
  items: readonly I[],
  work: (item: I, signal: AbortSignal) => Promise<T>,
  parts: { clock: Pick<Clock, 'monotonic' | 'sleep'> },
  signal: AbortSignal,
): Promise<Outcome<T>[]> {
  const late = new AbortController()
  const either = AbortSignal.any([signal, late.signal])
  const half = Promise.withResolvers<void>()
  const start = parts.clock.monotonic()
  let answered = 0
  const running = items.map(async (item): Promise<Outcome<T>> => {
    try {
      const value = await work(item, either)
      answered += 1
      if (2 * answered >= items.length) half.resolve()
      return { status: 'answered', value }
    } catch (reason) {
      return { status: 'failed', reason }
    }
  })
  const all = Promise.all(running)
  const grace = half.promise.then(async () => {
    const ms = Math.max(options.graceMs, GRACE_FACTOR * (parts.clock.monotonic() - start))
    await parts.clock.sleep(ms, either)
    late.abort(new Error('slower than the others'))
  })
  grace.catch(() => undefined)
  const outcomes = await all
  // Ends the sleep of the grace.
  late.abort()
  signal.throwIfAborted()
  return outcomes
}
