/** A list of equal-sized values, one SSZ `List[T, limit]`: get and set by index, persistent by `fork` (pages.ts). */
import { NodeError } from '../../protocol/errors.ts'
import { depthOf, mixInLength } from './merkle.ts'
import { Pages } from './pages.ts'

/** How a value lies in its page. `write` refuses what does not fit: no amount may ever wrap. */
interface Codec<T> {
  size: number
  zero: T
  read(view: DataView, at: number): T
  write(view: DataView, at: number, value: T): void
}

const refuse = (value: unknown, type: string): never => {
  throw new NodeError('LEDGER_INVARIANT', { id: 'range', height: -1, detail: `${String(value)} is no ${type}` })
}
const uint = (value: number, bits: number): number =>
  Number.isSafeInteger(value) && value >= 0 && value < 2 ** bits ? value : refuse(value, `u${bits}`)

const u8: Codec<number> = {
  size: 1,
  zero: 0,
  read: (view, at) => view.getUint8(at),
  write: (view, at, value) => view.setUint8(at, uint(value, 8)),
}
const u16: Codec<number> = {
  size: 2,
  zero: 0,
  read: (view, at) => view.getUint16(at, true),
  write: (view, at, value) => view.setUint16(at, uint(value, 16), true),
}
const u32: Codec<number> = {
  size: 4,
  zero: 0,
  read: (view, at) => view.getUint32(at, true),
  write: (view, at, value) => view.setUint32(at, uint(value, 32), true),
}
/** A height or counter: u64 in the encoding, below 2⁵³ in fact. */
const count: Codec<number> = {
  size: 8,
  zero: 0,
  read: (view, at) => view.getUint32(at, true) + 2 ** 32 * view.getUint32(at + 4, true),
  write: (view, at, value) => {
    uint(value, 53)
    view.setUint32(at, value % 2 ** 32, true)
    view.setUint32(at + 4, Math.floor(value / 2 ** 32), true)
  },
}
const u64: Codec<bigint> = {
  size: 8,
  zero: 0n,
  read: (view, at) => view.getBigUint64(at, true),
  write: (view, at, value) => view.setBigUint64(at, value >= 0n && value < 2n ** 64n ? value : refuse(value, 'u64'), true),
}
const bool: Codec<boolean> = {
  size: 1,
  zero: false,
  read: (view, at) => view.getUint8(at) === 1,
  write: (view, at, value) => view.setUint8(at, value ? 1 : 0),
}
const b32: Codec<Uint8Array> = {
  size: 32,
  zero: new Uint8Array(32),
  read: (view, at) => new Uint8Array(view.buffer, at, 32).slice(),
  write: (view, at, value) => {
    if (value.length !== 32) refuse(value.length, 'B32')
    new Uint8Array(view.buffer, at, 32).set(value)
  },
}
export const columnCodecs = { u8, u16, u32, count, u64, bool, b32 }
export type ColumnType = keyof typeof columnCodecs
export type ColumnValue<K extends ColumnType> = (typeof columnCodecs)[K] extends Codec<infer T> ? T : never

export class Column<T> {
  readonly limit: number
  readonly #codec: Codec<T>
  readonly #perPage: number
  #pages: Pages
  #length: number
  /** Null since the last write. */
  #root: Uint8Array | null = null

  constructor(codec: Codec<T>, limit: number, pages = new Pages(), length = 0) {
    this.#codec = codec
    this.limit = limit
    this.#perPage = Pages.pageBytes / codec.size
    this.#pages = pages
    this.#length = length
  }

  get length(): number {
    return this.#length
  }

  get byteLength(): number {
    return this.#length * this.#codec.size
  }

  fork(): Column<T> {
    const copy = new Column(this.#codec, this.limit, this.#pages.fork(), this.#length)
    copy.#root = this.#root
    return copy
  }

  /** Zero past the end. A B32 is a copy. */
  get(index: number): T {
    const page = index < this.#length ? this.#pages.page(Math.floor(index / this.#perPage)) : undefined
    return page ? this.#codec.read(page.view, (index % this.#perPage) * this.#codec.size) : this.#codec.zero
  }

  set(index: number, value: T): void {
    if (index >= this.#length) throw new NodeError('LEDGER_INVARIANT', { id: 'index', height: -1, detail: `${index} of ${this.#length}` })
    const page = this.#pages.writable(Math.floor(index / this.#perPage))
    this.#codec.write(page.view, (index % this.#perPage) * this.#codec.size, value)
    this.#root = null
  }

  /** Sets a value, making the column longer where it must be. */
  put(index: number, value: T): void {
    if (index >= this.#length) this.resize(index + 1)
    this.set(index, value)
  }

  /** Appends, and returns the new value's index. */
  push(value: T): number {
    this.resize(this.#length + 1)
    this.set(this.#length - 1, value)
    return this.#length - 1
  }

  /** Sets the length; new values are zero, and what is cut off leaves zeros behind, as the root demands. */
  resize(length: number): void {
    if (length > this.limit) throw new NodeError('LEDGER_INVARIANT', { id: 'limit', height: -1, detail: `more than ${this.limit} rows` })
    for (let index = length; index < this.#length; index++) this.set(index, this.#codec.zero)
    this.#length = length
    this.#root = null
  }

  /** Whether the 32 bytes at `index` are `key`, without a copy. */
  holds(index: number, key: Uint8Array): boolean {
    const page = index < this.#length ? this.#pages.page(Math.floor(index / this.#perPage)) : undefined
    if (!page) return false
    const at = (index % this.#perPage) * this.#codec.size
    for (let i = 0; i < this.#codec.size; i++) if (page.bytes[at + i] !== key[i]) return false
    return true
  }

  root(): Uint8Array {
    const depth = depthOf(Math.ceil((this.limit * this.#codec.size) / 32))
    this.#root ??= mixInLength(this.#pages.root(depth), this.#length)
    return this.#root
  }

  writeTo(out: Uint8Array, offset: number): void {
    this.#pages.copyTo(out, offset, this.byteLength)
  }

  /** A column of encoded values. @throws NodeError LEDGER_STATE */
  static decode<T>(codec: Codec<T>, limit: number, bytes: Uint8Array): Column<T> {
    const length = bytes.length / codec.size
    if (!Number.isInteger(length) || length > limit) throw new NodeError('LEDGER_STATE', { detail: 'a column has a wrong length' })
    return new Column(codec, limit, Pages.of(bytes), length)
  }
}
