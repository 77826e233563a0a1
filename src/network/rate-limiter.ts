/** Token buckets by name, bounded in number. A call takes one token and its bytes; bytes may go into debt, so that one large request passes and then waits. */
import type { Clock } from '../protocol/ports/platform.ts'
import type { Rate } from './service-class.ts'

/** Buckets kept; beyond it the fullest go, which lose nothing but a refill. */
const BUCKETS_MAX = 8192

interface Bucket {
  calls: number
  bytes: number
  at: number
}

export class RateLimiter {
  readonly #clock: Pick<Clock, 'monotonic'>
  readonly #buckets = new Map<string, Bucket>()

  constructor(clock: Pick<Clock, 'monotonic'>) {
    this.#clock = clock
  }

  /** Milliseconds until a call under this name would pass; 0 is now. Takes nothing. */
  waitMs(name: string, rate: Rate): number {
    if (rate.callsPerSecond === Infinity) return 0
    if (rate.callsPerSecond === 0) return 60_000
    const { calls, bytes } = this.#level(name, rate)
    const forCall = calls >= 1 ? 0 : (1 - calls) / rate.callsPerSecond
    const forBytes = bytes > 0 ? 0 : -bytes / rate.bytesPerSecond
    return Math.ceil(1000 * Math.max(forCall, forBytes))
  }

  /** Takes one call of `bytes` bytes. */
  take(name: string, rate: Rate, bytes: number): void {
    if (rate.callsPerSecond === Infinity) return
    const level = this.#level(name, rate)
    if (!this.#buckets.has(name) && this.#buckets.size >= BUCKETS_MAX) this.#drop()
    this.#buckets.set(name, { calls: level.calls - 1, bytes: level.bytes - bytes, at: level.at })
  }

  #level(name: string, rate: Rate): Bucket {
    const now = this.#clock.monotonic()
    const bucket = this.#buckets.get(name)
    if (bucket === undefined) return { calls: rate.callsBurst, bytes: rate.bytesPerSecond, at: now }
    const seconds = (now - bucket.at) / 1000
    return {
      calls: Math.min(rate.callsBurst, bucket.calls + seconds * rate.callsPerSecond),
      bytes: Math.min(rate.bytesPerSecond, bucket.bytes + seconds * rate.bytesPerSecond),
      at: now,
    }
  }

  /** Forgets the bucket that has been left alone longest. */
  #drop(): void {
    let oldest: [name: string, at: number] | undefined
    for (const [name, { at }] of this.#buckets) if (oldest === undefined || at < oldest[1]) oldest = [name, at]
    if (oldest !== undefined) this.#buckets.delete(oldest[0])
  }
}
