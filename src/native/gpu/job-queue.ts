/** Lets a few jobs of a device run at a time; the others wait in the order in which they came, up to a limit. */
import { NodeError } from '../../protocol/errors.ts'

export class JobQueue {
  readonly #limits: { jobsMax: number; queueMax: number }
  readonly #waiting = new Set<() => void>()
  #running = 0

  constructor(limits: { jobsMax: number; queueMax: number }) {
    this.#limits = limits
  }

  /** @throws NodeError NATIVE_BUSY when too many wait, NATIVE_CANCELLED when the signal aborts before its turn */
  async run<T>(signal: AbortSignal | undefined, job: () => Promise<T>): Promise<T> {
    await this.#turn(signal)
    try {
      return await job()
    } finally {
      this.#running -= 1
      const [next] = this.#waiting
      next?.()
    }
  }

  async #turn(signal: AbortSignal | undefined): Promise<void> {
    if (signal?.aborted === true) throw new NodeError('NATIVE_CANCELLED')
    if (this.#running < this.#limits.jobsMax) {
      this.#running += 1
      return
    }
    if (this.#waiting.size >= this.#limits.queueMax)
      throw new NodeError('NATIVE_BUSY', { detail: `${this.#waiting.size} jobs wait for the device` })
    await new Promise<void>((resolve, reject) => {
      const cancel = (): void => {
        this.#waiting.delete(start)
        reject(new NodeError('NATIVE_CANCELLED'))
      }
      const start = (): void => {
        this.#waiting.delete(start)
        signal?.removeEventListener('abort', cancel)
        this.#running += 1
        resolve()
      }
      this.#waiting.add(start)
      signal?.addEventListener('abort', cancel, { once: true })
    })
  }
}
