/** The moments that a start is measured by: ready, the first answer, the first epoch paid by weights. */
import type { Milestone } from '../protocol/ports/node-info.ts'

export class Milestones {
  readonly #reached: Milestone[] = []
  readonly #onReached: (milestone: Milestone) => void

  constructor(onReached: (milestone: Milestone) => void) {
    this.#onReached = onReached
  }

  /** Notes a moment once; later calls for the same one do nothing. Says whether it was new. */
  reach(event: Milestone['event'], seconds: number): boolean {
    if (this.#reached.some((one) => one.event === event)) return false
    const milestone = { event, seconds }
    this.#reached.push(milestone)
    this.#onReached(milestone)
    return true
  }

  all(): Milestone[] {
    return [...this.#reached]
  }
}
