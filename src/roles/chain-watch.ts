/** A role's view of new blocks: the newest one, a wait for the next, and listeners, over one subscription of the ledger. */
import type { BlockEvents, Ledger } from '../protocol/ports/ledger.ts'
import type { Log } from '../protocol/ports/platform.ts'

export interface Tip {
  height: number
  /** Hex. */
  hash: string
}
type Listener = (block: BlockEvents) => void

export class ChainWatch {
  readonly #ledger: Pick<Ledger, 'query' | 'subscribe'>
  readonly #log: Log
  readonly #closing = new AbortController()
  readonly #listeners = new Set<Listener>()
  readonly #waiting = new Set<() => void>()
  #tip: Tip = { height: 0, hash: '' }
  #loop: Promise<void> = Promise.resolve()

  constructor(parts: { ledger: Pick<Ledger, 'query' | 'subscribe'>; log: Log }) {
    this.#ledger = parts.ledger
    this.#log = parts.log
  }

  get tip(): Tip {
    return this.#tip
  }

  /** Reads the head, then follows. A listener hears every block above the head of this moment. */
  async start(): Promise<void> {
    const { height, hash } = await this.#ledger.query('head')
    this.#tip = { height, hash }
    this.#loop = this.#follow()
  }

  listen(listener: Listener): void {
    this.#listeners.add(listener)
  }

  /** Resolves with the tip once its height is at least `height`. Rejects with the signal's reason. */
  async reached(height: number, signal: AbortSignal): Promise<Tip> {
    while (this.#tip.height < height) {
      signal.throwIfAborted()
      await new Promise<void>((resolve, reject) => {
        const wake = (): void => {
          signal.removeEventListener('abort', leave)
          this.#waiting.delete(wake)
          resolve()
        }
        const leave = (): void => {
          this.#waiting.delete(wake)
          reject(signal.reason)
        }
        this.#waiting.add(wake)
        signal.addEventListener('abort', leave, { once: true })
      })
    }
    return this.#tip
  }

  async close(): Promise<void> {
    this.#closing.abort()
    await this.#loop
  }

  async #follow(): Promise<void> {
    const { signal } = this.#closing
    try {
      for await (const block of this.#ledger.subscribe(this.#tip.height + 1, signal)) {
        if (block.height > this.#tip.height) this.#tip = { height: block.height, hash: block.hash }
        for (const listener of this.#listeners) listener(block)
        for (const wake of this.#waiting) wake()
      }
    } catch (error) {
      if (!signal.aborted) this.#log.error('the ledger gives no more blocks', { reason: String(error) })
    }
  }
}
