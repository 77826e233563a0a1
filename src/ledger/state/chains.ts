/** Lists of rows by owner, doubly linked through columns: derived from the state, never part of its root. Their order means nothing. */
import { ROWS_MAX } from '../../protocol/ledger-limits.ts'
import { Column, columnCodecs } from './column.ts'

const links = (): Column<number> => new Column(columnCodecs.u32, ROWS_MAX)

/** Links hold one more than a row's number; 0 is the end. */
export class Chains {
  #first = links()
  #next = links()
  #previous = links()

  fork(): Chains {
    const copy = new Chains()
    copy.#first = this.#first.fork()
    copy.#next = this.#next.fork()
    copy.#previous = this.#previous.fork()
    return copy
  }

  isEmpty(owner: number): boolean {
    return this.#first.get(owner) === 0
  }

  add(owner: number, row: number): void {
    const first = this.#first.get(owner)
    this.#next.put(row, first)
    this.#previous.put(row, 0)
    if (first) this.#previous.put(first - 1, row + 1)
    this.#first.put(owner, row + 1)
  }

  remove(owner: number, row: number): void {
    const next = this.#next.get(row)
    const previous = this.#previous.get(row)
    if (next) this.#previous.put(next - 1, previous)
    if (previous) this.#next.put(previous - 1, next)
    else this.#first.put(owner, next)
  }

  /** The rows of an owner, in no order. */
  rows(owner: number): number[] {
    const found: number[] = []
    for (let link = this.#first.get(owner); link; link = this.#next.get(link - 1)) found.push(link - 1)
    return found
  }
}
