/** Clocks for tests: the machine's, and one that moves only when it is told to. */
import type { Clock } from '../../src/protocol/ports/platform.ts'

/** Real time. */
export const realClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  sleep: (ms, signal) =>
    new Promise((resolve, reject) => {
      if (signal?.aborted) {
        reject(signal.reason)
        return
      }
      const onAbort = (): void => {
        clearTimeout(timer)
        reject(signal?.reason)
      }
      const timer = setTimeout(() => {
        signal?.removeEventListener('abort', onAbort)
        resolve()
      }, ms)
      signal?.addEventListener('abort', onAbort, { once: true })
    }),
}

interface Sleeper {
  dueMs: number
  order: number
  wake(): void
}

/** Virtual time from a fixed start. `advance` wakes sleepers in order and lets everything that follows from each happen before the next. */
export class VirtualClock implements Clock {
  readonly #startMs: number
  #ms = 0
  #order = 0
  readonly #sleepers = new Set<Sleeper>()

  constructor(startMs = 1_700_000_000_000) {
    this.#startMs = startMs
  }

  now(): number {
    return this.#startMs + Math.floor(this.#ms)
  }

  monotonic(): number {
    return this.#ms
  }

  get sleeping(): number {
    return this.#sleepers.size
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) {
        reject(signal.reason)
        return
      }
      const sleeper: Sleeper = { dueMs: this.#ms + ms, order: this.#order++, wake: () => undefined }
      const onAbort = (): void => {
        this.#sleepers.delete(sleeper)
        reject(signal?.reason)
      }
      sleeper.wake = () => {
        this.#sleepers.delete(sleeper)
        signal?.removeEventListener('abort', onAbort)
        resolve()
      }
      this.#sleepers.add(sleeper)
      signal?.addEventListener('abort', onAbort, { once: true })
    })
  }

  /** Moves time on by `ms`. */
  async advance(ms: number): Promise<void> {
    const untilMs = this.#ms + ms
    for (;;) {
      await settled()
      let next: Sleeper | undefined
      for (const sleeper of this.#sleepers)
        if (next === undefined || sleeper.dueMs < next.dueMs || (sleeper.dueMs === next.dueMs && sleeper.order < next.order)) next = sleeper
      if (next === undefined || next.dueMs > untilMs) break
      this.#ms = Math.max(this.#ms, next.dueMs)
      next.wake()
    }
    this.#ms = untilMs
    await settled()
  }

  /** Moves time from one sleeper to the next until `work` is settled. */
  async run<T>(work: Promise<T>, stepMs = 1, maxMs = 3_600_000): Promise<T> {
    let isOver = false
    const over = (): void => {
      isOver = true
    }
    work.then(over, over)
    for (let ms = 0; ms < maxMs; ms += stepMs) {
      await settled()
      if (isOver) break
      await this.advance(stepMs)
    }
    if (!isOver) throw new Error(`nothing settled in ${maxMs} ms of virtual time`)
    return await work
  }
}

/** Lets all that is ready happen: microtasks, and what they put off to the next turns. */
async function settled(): Promise<void> {
  for (let turn = 0; turn < 4; turn++) await new Promise((resolve) => setImmediate(resolve))
}
