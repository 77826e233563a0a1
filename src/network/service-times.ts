/** How long requests took lately: medians per method and over all, from the last few of each. */

/** Samples kept: enough for a steady median, few enough to follow a change of load. */
const SAMPLES = 31
/** Methods are those served, so their number is small; this is a bound, not a tuning. */
const METHODS_MAX = 256

export class ServiceTimes {
  readonly #byMethod = new Map<string, number[]>()
  readonly #all: number[] = []

  add(method: string, ms: number): void {
    let samples = this.#byMethod.get(method)
    if (samples === undefined) {
      if (this.#byMethod.size >= METHODS_MAX) return
      samples = []
      this.#byMethod.set(method, samples)
    }
    for (const list of [samples, this.#all]) {
      list.push(ms)
      if (list.length > SAMPLES) list.shift()
    }
  }

  /** Milliseconds; 0 before anything was measured. Without a method: over all. */
  median(method?: string): number {
    const samples = method === undefined ? this.#all : (this.#byMethod.get(method) ?? [])
    if (samples.length === 0) return 0
    return [...samples].sort((a, b) => a - b)[samples.length >>> 1] as number
  }
}
