/** The work of one machine: answers first, training in what time is left (mixture.md 12). One instance for all miners of a process. */

interface Waiting {
  start: () => void
}

export interface WorkloadOptions {
  /** Training slices that run at once; more than the machine has cores only slows answers. */
  trainersMax: number
}

export class Workload {
  readonly #trainersMax: number
  readonly #waiting: Waiting[] = []
  #serving = 0
  #training = 0

  constructor(options: WorkloadOptions) {
    this.#trainersMax = options.trainersMax
  }

  /** Answers being computed now. */
  get serving(): number {
    return this.#serving
  }

  /** Runs `work` as an answer: no training slice begins before it ends. */
  async serve<T>(work: () => Promise<T>): Promise<T> {
    this.#serving += 1
    try {
      return await work()
    } finally {
      this.#serving -= 1
      this.#next()
    }
  }

  /** Runs one training slice as soon as nothing is being answered; slices take turns in the order they came. */
  async train<T>(slice: () => Promise<T>, signal: AbortSignal): Promise<T> {
    await this.#turn(signal)
    try {
      return await slice()
    } finally {
      this.#training -= 1
      this.#next()
    }
  }

  async #turn(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted()
    await new Promise<void>((resolve, reject) => {
      const leave = (): void => {
        this.#waiting.splice(this.#waiting.indexOf(waiting), 1)
        reject(signal.reason)
      }
      const waiting: Waiting = {
        start: () => {
          signal.removeEventListener('abort', leave)
          resolve()
        },
      }
      signal.addEventListener('abort', leave, { once: true })
      this.#waiting.push(waiting)
      this.#next()
    })
  }

  #next(): void {
    while (this.#serving === 0 && this.#training < this.#trainersMax) {
      const waiting = this.#waiting.shift()
      if (waiting === undefined) return
      this.#training += 1
      waiting.start()
    }
  }
}
