/** One market of the state: parameters, columns of neurons by uid, and from a hotkey's row to its uid. */
import { ROWS_MAX } from '../../protocol/ledger-limits.ts'
import type { MarketParameters } from '../../protocol/parameters.ts'
import { Column, columnCodecs } from './column.ts'
import { forkParts } from './container.ts'
import type { MarketParts } from './layout.ts'
import { Rows } from './rows.ts'
import { StateRecord } from './record.ts'

export class Market {
  readonly parts: MarketParts
  readonly netuid: number
  /** Derived: one more than the uid of a hotkey's row. */
  #uids: Column<number>

  constructor(parts: MarketParts, uids = new Column(columnCodecs.u16, ROWS_MAX)) {
    this.parts = parts
    this.netuid = parts.head.value.netuid
    this.#uids = uids
  }

  fork(): Market {
    return new Market(forkParts(this.parts), this.#uids.fork())
  }

  get parameters(): Readonly<MarketParameters> {
    return this.parts.parameters.value
  }

  /** Neurons; their uids are 0 to one less. */
  get size(): number {
    return this.parts.hotkey.length
  }

  uidOf(hotkeyRow: number): number | undefined {
    const link = this.#uids.get(hotkeyRow)
    return link === 0 ? undefined : link - 1
  }

  /** Gives a uid to a hotkey's row, or takes it (undefined). */
  name(hotkeyRow: number, uid: number | undefined): void {
    this.#uids.put(hotkeyRow, uid === undefined ? 0 : uid + 1)
  }

  /** Room for one more neuron; everything of it is zero. Returns its uid. */
  grow(): number {
    for (const part of Object.values(this.parts))
      if (part instanceof Rows) part.grow()
      else if (!(part instanceof StateRecord)) part.resize(part.length + 1)
    return this.size - 1
  }

  /** Leaves nothing of the neuron that had this uid. */
  clear(uid: number): void {
    const { parts } = this
    for (const part of Object.values(parts)) {
      if (part instanceof Rows) part.set(uid, new Uint8Array(0))
      else if (!(part instanceof StateRecord)) clearValue(part, uid)
    }
  }

  /** Whether an epoch ends at this height (wire.md 5.2). */
  epochEndsAt(height: number): boolean {
    const { tempo } = this.parameters
    return (height + this.netuid + 1) % (tempo + 1) === tempo
  }
}

function clearValue(column: Column<number> | Column<bigint> | Column<boolean> | Column<Uint8Array>, uid: number): void {
  const value: unknown = column.get(uid)
  if (typeof value === 'number') (column as Column<number>).set(uid, 0)
  else if (typeof value === 'bigint') (column as Column<bigint>).set(uid, 0n)
  else if (typeof value === 'boolean') (column as Column<boolean>).set(uid, false)
  else (column as Column<Uint8Array>).set(uid, new Uint8Array(32))
}
