/** Completions that are open at once: so many in all, so many for one caller, and who has most for its stake gives way. */
import type { Hex } from '../../protocol/bytes.ts'
import { NodeError } from '../../protocol/errors.ts'

/** Smallest weight of a caller, as for turns. */
const WEIGHT_MIN = 0.01

export interface OpeningsOptions {
  completionsMax: number
  completionsPerCaller: number
}
export interface Opening {
  caller: Hex
  /** False until its first round: only then may it still be turned away. */
  started: boolean
  /** Ends it with this reason. */
  abort: (reason: NodeError) => void
}

export class Openings {
  readonly #options: OpeningsOptions
  /** By caller, oldest first. */
  readonly #open = new Map<Hex, { share: number; openings: Opening[] }>()
  #count = 0

  constructor(options: OpeningsOptions) {
    this.#options = options
  }

  get count(): number {
    return this.#count
  }

  /** Takes a place, to be given back by `leave`. @throws NodeError GATEWAY_BUSY */
  enter(opening: Opening, share: number): void {
    const own = this.#open.get(opening.caller) ?? { share, openings: [] }
    own.share = share
    const { completionsMax, completionsPerCaller } = this.#options
    if (own.openings.length >= completionsPerCaller) throw busy(completionsPerCaller)
    this.#open.set(opening.caller, own)
    own.openings.push(opening)
    this.#count += 1
    if (this.#count > completionsMax) this.#turnAway(opening)
  }

  leave(opening: Opening): void {
    const own = this.#open.get(opening.caller)
    const at = own?.openings.indexOf(opening) ?? -1
    if (own === undefined || at < 0) return
    own.openings.splice(at, 1)
    this.#count -= 1
    if (own.openings.length === 0) this.#open.delete(opening.caller)
  }

  /** Everything that is open, for closing. */
  all(): Opening[] {
    return [...this.#open.values()].flatMap(({ openings }) => openings)
  }

  /** Of the caller with the most open completions for its weight, the newest that has not begun. */
  #turnAway(newest: Opening): void {
    const total = [...this.#open.values()].reduce((sum, { share }) => sum + share, 0)
    const load = ({ share, openings }: { share: number; openings: Opening[] }): number =>
      openings.length / Math.max(WEIGHT_MIN, total > 0 ? share / total : 1)
    const heaviest = [...this.#open.values()].sort((a, b) => load(b) - load(a))
    const gone = heaviest[0]?.openings.findLast(({ started }) => !started) ?? newest
    this.leave(gone)
    const reason = busy(this.#options.completionsMax)
    if (gone === newest) throw reason
    gone.abort(reason)
  }
}

const busy = (limit: number): NodeError => new NodeError('GATEWAY_BUSY', { limit, seconds: 1 })
