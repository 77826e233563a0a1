/** Bytes per second that an expert answers at, as it has measured itself (the rate of mixture.md 1). */
import type { Clock } from '../protocol/ports/platform.ts'

/** Calls after which an observation has lost half its weight (mixture.md 9). */
const HALF_LIFE_CALLS = 64
const KEEP = 0.5 ** (1 / HALF_LIFE_CALLS)

export class RateMeter {
  readonly #clock: Pick<Clock, 'monotonic'>
  /** Bytes and milliseconds, both fading, so that long calls count by their length. */
  #bytes: number
  #ms: number

  /** @param rate bytes per second assumed before the first call, worth one second of work */
  constructor(rate: number, clock: Pick<Clock, 'monotonic'>) {
    this.#clock = clock
    this.#bytes = Math.max(1, rate)
    this.#ms = 1_000
  }

  perSecond(): number {
    return (1_000 * this.#bytes) / this.#ms
  }

  /** Runs `work` over `bytes` bytes and takes its time; a failed call counts nothing. */
  async measure<T>(bytes: number, work: () => Promise<T>): Promise<T> {
    const start = this.#clock.monotonic()
    const result = await work()
    this.#bytes = this.#bytes * KEEP + bytes
    this.#ms = this.#ms * KEEP + Math.max(this.#clock.monotonic() - start, 0.01)
    return result
  }
}
