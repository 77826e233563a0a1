/**
 * What is held against a device. One that computed wrongly is faulty for as long as the node runs; one under which the
 * program keeps dying rests for a while, so that a broken driver does not cost every job two attempts.
 */
import type { GpuOptions } from './options.ts'

type HealthOptions = Pick<GpuOptions, 'crashesMax' | 'crashWindowMs' | 'benchMs'>

interface Record {
  faulty: string | null
  crashes: number[]
  restUntil: number
  lastReason: string
}

/** More devices than any machine has: names come from the GPU program. */
const DEVICES_MAX = 256

export class DeviceHealth {
  readonly #options: HealthOptions
  readonly #now: () => number
  readonly #records = new Map<string, Record>()

  /** `now` gives milliseconds that never go back. */
  constructor(options: HealthOptions, now: () => number) {
    this.#options = options
    this.#now = now
  }

  /** The program died under `device`. */
  crash(device: string, reason: string): void {
    const record = this.#of(device)
    const now = this.#now()
    record.crashes = [...record.crashes.filter((at) => now - at < this.#options.crashWindowMs), now].slice(-this.#options.crashesMax)
    record.lastReason = reason
    if (record.crashes.length < this.#options.crashesMax) return
    record.restUntil = now + this.#options.benchMs
    record.crashes = []
  }

  /** `device` gave a wrong answer. */
  fault(device: string, reason: string): void {
    this.#of(device).faulty ??= reason
  }

  /** Why `device` gets no jobs now; null when it does. */
  reason(device: string): string | null {
    const record = this.#records.get(device)
    if (record === undefined) return null
    if (record.faulty !== null) return `faulty: ${record.faulty}`
    const rest = record.restUntil - this.#now()
    if (rest <= 0) return null
    const { crashesMax, crashWindowMs } = this.#options
    const again = rest > 90_000 ? `${Math.ceil(rest / 60_000)} min` : `${Math.ceil(rest / 1_000)} s`
    return `rests for ${again}: the GPU process died ${crashesMax} times within ${crashWindowMs / 1_000} s, last because ${record.lastReason}`
  }

  #of(device: string): Record {
    const found = this.#records.get(device) ?? { faulty: null, crashes: [], restUntil: 0, lastReason: '' }
    if (this.#records.size < DEVICES_MAX) this.#records.set(device, found)
    return found
  }
}
