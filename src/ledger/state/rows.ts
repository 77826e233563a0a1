/** A list of byte lists, one SSZ `List[ByteList[rowLimit], limit]`: a row is replaced as a whole, its root is kept beside it. */
import { NodeError } from '../../protocol/errors.ts'
import { Column, columnCodecs } from './column.ts'
import { depthOf, merkleRoot, mixInLength } from './merkle.ts'

const EMPTY = new Uint8Array(0)

export class Rows {
  readonly limit: number
  readonly rowLimit: number
  #rows: Uint8Array[]
  #shared = false
  /** Roots of the rows; those of `#stale` have still to be computed. */
  #roots: Column<Uint8Array>
  #stale: Set<number>

  constructor(rowLimit: number, limit: number, rows: Uint8Array[] = []) {
    this.rowLimit = rowLimit
    this.limit = limit
    this.#rows = rows
    this.#roots = new Column(columnCodecs.b32, limit)
    this.#roots.resize(rows.length)
    this.#stale = new Set(rows.keys())
  }

  get length(): number {
    return this.#rows.length
  }

  fork(): Rows {
    this.#refresh()
    const copy = new Rows(this.rowLimit, this.limit)
    copy.#rows = this.#rows
    copy.#shared = this.#shared = true
    copy.#roots = this.#roots.fork()
    return copy
  }

  /** The row, not to be written to; empty past the end. */
  get(index: number): Uint8Array {
    return this.#rows[index] ?? EMPTY
  }

  set(index: number, row: Uint8Array): void {
    if (index >= this.#rows.length || row.length > this.rowLimit)
      throw new NodeError('LEDGER_INVARIANT', { id: 'limit', height: -1, detail: `row ${index} of ${row.length} bytes` })
    if (this.#shared) this.#rows = this.#rows.slice()
    this.#shared = false
    this.#rows[index] = row
    this.#stale.add(index)
  }

  /** Appends an empty row. */
  grow(): void {
    if (this.#rows.length >= this.limit)
      throw new NodeError('LEDGER_INVARIANT', { id: 'limit', height: -1, detail: `more than ${this.limit} rows` })
    this.#rows = [...this.#rows, EMPTY]
    this.#shared = false
    this.#stale.add(this.#roots.push(EMPTY_ROOT))
  }

  #refresh(): void {
    const depth = depthOf(Math.ceil(this.rowLimit / 32))
    for (const index of this.#stale) {
      const row = this.get(index)
      this.#roots.set(index, mixInLength(merkleRoot(row, depth), row.length))
    }
    this.#stale = new Set()
  }

  root(): Uint8Array {
    this.#refresh()
    return this.#roots.root()
  }

  get byteLength(): number {
    return this.#rows.reduce((sum, row) => sum + 4 + row.length, 0)
  }

  writeTo(out: Uint8Array, offset: number): void {
    const view = new DataView(out.buffer, out.byteOffset + offset)
    let at = 4 * this.#rows.length
    for (const [i, row] of this.#rows.entries()) {
      view.setUint32(4 * i, at, true)
      out.set(row, offset + at)
      at += row.length
    }
  }

  /** @throws NodeError LEDGER_STATE */
  static decode(rowLimit: number, limit: number, bytes: Uint8Array): Rows {
    const rows = splitOffsets(bytes)
    if (rows.length > limit || rows.some((row) => row.length > rowLimit))
      throw new NodeError('LEDGER_STATE', { detail: 'rows are too many or too long' })
    return new Rows(
      rowLimit,
      limit,
      rows.map((row) => row.slice()),
    )
  }
}

const EMPTY_ROOT = new Uint8Array(32)

/** The entries of an SSZ list of variable-sized values. @throws NodeError LEDGER_STATE for offsets that are not exact */
export function splitOffsets(bytes: Uint8Array): Uint8Array[] {
  if (bytes.length === 0) return []
  const wrong = (): never => {
    throw new NodeError('LEDGER_STATE', { detail: 'an offset is wrong' })
  }
  if (bytes.length < 4) wrong()
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  const count = view.getUint32(0, true) / 4
  if (!Number.isInteger(count) || count === 0 || 4 * count > bytes.length) wrong()
  return Array.from({ length: count }, (_, i) => {
    const start = view.getUint32(4 * i, true)
    const end = i + 1 < count ? view.getUint32(4 * i + 4, true) : bytes.length
    if (start > end || end > bytes.length || start < 4 * count) wrong()
    return bytes.subarray(start, end)
  })
}
