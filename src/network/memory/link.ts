/** One direction of a connection in memory: what enters comes out in order, after a delay, and waits while the two ends are apart. */
import type { Clock } from '../../protocol/ports/platform.ts'

export interface Weather {
  /** Milliseconds for the next piece, lost ones and their repeats included. */
  delayMs(): number
  /** Resolves when the two ends can reach each other. */
  reachable(): Promise<void>
}

export class Link {
  readonly #weather: Weather
  readonly #clock: Pick<Clock, 'monotonic' | 'sleep'>
  readonly #closing: AbortSignal
  readonly #waiting: { dueMs: number; arrive(): void }[] = []
  #lastDueMs = 0
  #isRunning = false

  constructor(weather: Weather, clock: Pick<Clock, 'monotonic' | 'sleep'>, closing: AbortSignal) {
    this.#weather = weather
    this.#clock = clock
    this.#closing = closing
  }

  /** Calls `arrive` at the other end. */
  send(arrive: () => void): void {
    const dueMs = Math.max(this.#lastDueMs, this.#clock.monotonic() + this.#weather.delayMs())
    this.#lastDueMs = dueMs
    this.#waiting.push({ dueMs, arrive })
    if (this.#isRunning) return
    this.#isRunning = true
    // When the hub closes, whatever is under way is lost with it.
    this.#run().catch(() => undefined)
  }

  async #run(): Promise<void> {
    await Promise.resolve()
    for (let next = this.#waiting[0]; next !== undefined; next = this.#waiting[0]) {
      const ms = next.dueMs - this.#clock.monotonic()
      if (ms > 0) await this.#clock.sleep(ms, this.#closing)
      await this.#weather.reachable()
      this.#waiting.shift()
      next.arrive()
    }
    this.#isRunning = false
  }
}
