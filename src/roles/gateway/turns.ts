/**
 * Whose turn it is (wire.md 1.5): start-time fair queueing over callers, S = max(v, F of the caller's last), F = S + cost
 * / weight, the smallest S next, the weight being the caller's share among those who wait now, at least 0.01. A
 * completion takes a turn for each of its rounds, so that a long answer never shuts out the others.
 */

/** Nobody who is admitted starves. */
const WEIGHT_MIN = 0.01

interface Waiting {
  cost: number
  start: () => void
}
interface Flow {
  share: number
  waiting: Waiting[]
  finish: number
}

export class FairTurns {
  readonly #runningMax: number
  /** Callers with work, or with tags that still lie ahead. */
  readonly #flows = new Map<string, Flow>()
  #virtual = 0
  #running = 0

  constructor(options: { runningMax: number }) {
    this.#runningMax = options.runningMax
  }

  /** Runs `work` when the caller's turn has come. Rejects with the signal's reason when it aborts before. */
  async take<T>(caller: { name: string; share: number }, cost: number, signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    await this.#wait(caller, cost, signal)
    try {
      return await work()
    } finally {
      this.#running -= 1
      this.#next()
    }
  }

  async #wait({ name, share }: { name: string; share: number }, cost: number, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted()
    await new Promise<void>((resolve, reject) => {
      const flow = this.#flows.get(name) ?? { share, waiting: [], finish: 0 }
      flow.share = share
      const leave = (): void => {
        flow.waiting.splice(flow.waiting.indexOf(waiting), 1)
        this.#forget()
        reject(signal.reason)
      }
      const waiting = {
        cost,
        start: () => {
          signal.removeEventListener('abort', leave)
          resolve()
        },
      }
      signal.addEventListener('abort', leave, { once: true })
      flow.waiting.push(waiting)
      this.#flows.set(name, flow)
      this.#next()
    })
  }

  #next(): void {
    while (this.#running < this.#runningMax) {
      const busy = [...this.#flows.values()].filter((flow) => flow.waiting.length > 0)
      const [first, ...others] = busy
      if (first === undefined) break
      const startOf = (flow: Flow): number => Math.max(this.#virtual, flow.finish)
      const flow = others.reduce((best, other) => (startOf(other) < startOf(best) ? other : best), first)
      const total = busy.reduce((sum, { share }) => sum + share, 0)
      const start = startOf(flow)
      const waiting = flow.waiting.shift()
      if (waiting === undefined) break
      flow.finish = start + waiting.cost / Math.max(WEIGHT_MIN, total > 0 ? flow.share / total : 1)
      this.#virtual = start
      this.#running += 1
      waiting.start()
    }
    this.#forget()
  }

  /** A caller without work whose tags lie in the past is as a new one. */
  #forget(): void {
    for (const [name, flow] of this.#flows) if (flow.waiting.length === 0 && flow.finish <= this.#virtual) this.#flows.delete(name)
  }
}
