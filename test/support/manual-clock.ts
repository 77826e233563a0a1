/** A Clock that moves only when a test says so. */
import type { Clock } from '../../src/protocol/ports/platform.ts'

export class ManualClock implements Clock {
  #now = 1_700_000_000_000
  #sleepers: { at: number; wake: () => void }[] = []

  now(): number {
    return this.#now
  }

  monotonic(): number {
    return this.#now
  }

  async sleep(ms: number, signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted()
    await new Promise<void>((resolve, reject) => {
      const sleeper = {
        at: this.#now + ms,
        wake: () => {
          signal?.removeEventListener('abort', leave)
          resolve()
        },
      }
      const leave = (): void => {
        this.#sleepers = this.#sleepers.filter((other) => other !== sleeper)
        reject(signal?.reason)
      }
      signal?.addEventListener('abort', leave, { once: true })
      this.#sleepers.push(sleeper)
    })
  }

  /** Sleepers that have not been woken. */
  get sleeping(): number {
    return this.#sleepers.length
  }

  /** Moves on, waking who is due, in order of their times. */
  advance(ms: number): void {
    this.#now += ms
    const due = this.#sleepers.filter(({ at }) => at <= this.#now).sort((a, b) => a.at - b.at)
    this.#sleepers = this.#sleepers.filter(({ at }) => at > this.#now)
    for (const { wake } of due) wake()
  }
}
