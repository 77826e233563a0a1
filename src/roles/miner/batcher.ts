/**
 * One call of the model at a time, and everything that came in the meantime in the next one: the queries of a pass
 * arrive together, and a model answers eight spans in one batch for little more than one.
 */
import type { Expert } from '../../protocol/ports/expert.ts'
import type { Workload } from '../workload.ts'

interface Item {
  context: Uint8Array
  from: number
  signal: AbortSignal
  resolve: (leaves: Uint8Array) => void
  reject: (reason: unknown) => void
}

export class Batcher {
  readonly #batchMax: number
  readonly #expert: Pick<Expert, 'predict'>
  readonly #workload: Workload
  #waiting: Item[] = []
  #running = false

  constructor(options: { batchMax: number }, parts: { expert: Pick<Expert, 'predict'>; workload: Workload }) {
    this.#batchMax = options.batchMax
    this.#expert = parts.expert
    this.#workload = parts.workload
  }

  /** Leaves of positions from..context.length. Rejects with the signal's reason when it aborts before its batch begins. */
  async predict(context: Uint8Array, from: number, signal: AbortSignal): Promise<Uint8Array> {
    return await new Promise<Uint8Array>((resolve, reject) => {
      this.#waiting.push({ context, from, signal, resolve, reject })
      if (!this.#running) void this.#run()
    })
  }

  async #run(): Promise<void> {
    this.#running = true
    // Requests that were decoded in the same turn of the event loop belong into the first batch already.
    await Promise.resolve()
    while (this.#waiting.length > 0) {
      const taken = this.#waiting.splice(0, this.#batchMax)
      const batch = taken.filter((item) => !item.signal.aborted)
      for (const item of taken) if (item.signal.aborted) item.reject(item.signal.reason)
      if (batch.length > 0) await this.#answer(batch)
    }
    this.#running = false
  }

  async #answer(batch: readonly Item[]): Promise<void> {
    try {
      const contexts = batch.map((item) => item.context)
      const from = batch.map((item) => item.from)
      const leaves = await this.#workload.serve(async () => await this.#expert.predict(contexts, from))
      for (const [i, item] of batch.entries()) item.resolve(leaves[i] ?? new Uint8Array(0))
    } catch (error) {
      for (const item of batch) item.reject(error)
    }
  }
}
