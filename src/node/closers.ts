/** What must be closed, in the order of opening; closed in reverse, each once. */
import type { Log } from '../protocol/ports/platform.ts'

export class Closers {
  readonly #open: (() => Promise<void>)[] = []

  add(close: () => Promise<void>): void {
    this.#open.push(close)
  }

  /** One that fails is logged and does not keep the others from closing. */
  async closeAll(log: Log): Promise<void> {
    for (const close of this.#open.splice(0).reverse())
      await close().catch((error: unknown) => log.warn('a part did not close well', { cause: String(error) }))
  }
}
