/** A few named values that change together, one SSZ container: read as an object, written by name, its root kept. */
import type { Type } from '@chainsafe/ssz'
import { decodeCanonical, encodeCanonical } from '../../protocol/canonical.ts'
import { NodeError } from '../../protocol/errors.ts'

export class StateRecord<V extends object> {
  readonly #type: Type<V> & { hashTreeRoot(value: V): Uint8Array }
  #value: Readonly<V>
  #root: Uint8Array | null = null

  constructor(type: Type<V> & { hashTreeRoot(value: V): Uint8Array }, value: V) {
    this.#type = type
    this.#value = value
  }

  /** Not to be written to. */
  get value(): Readonly<V> {
    return this.#value
  }

  set(change: Partial<V>): void {
    for (const value of Object.values(change))
      if (
        (typeof value === 'bigint' && (value < 0n || value >= 2n ** 64n)) ||
        (typeof value === 'number' && !(Number.isSafeInteger(value) && value >= 0))
      )
        throw new NodeError('LEDGER_INVARIANT', { id: 'range', height: -1, detail: `${String(value)} is out of range` })
    this.#value = { ...this.#value, ...change }
    this.#root = null
  }

  fork(): StateRecord<V> {
    const copy = new StateRecord(this.#type, this.#value)
    copy.#root = this.#root
    return copy
  }

  root(): Uint8Array {
    this.#root ??= this.#type.hashTreeRoot(this.#value)
    return this.#root
  }

  get byteLength(): number {
    return this.encoded().length
  }

  encoded(): Uint8Array {
    return encodeCanonical(this.#type, this.#value, 'record of the state')
  }

  writeTo(out: Uint8Array, offset: number): void {
    out.set(this.encoded(), offset)
  }

  /** @throws NodeError LEDGER_STATE */
  static decode<V extends object>(type: Type<V> & { hashTreeRoot(value: V): Uint8Array }, bytes: Uint8Array): StateRecord<V> {
    try {
      return new StateRecord(type, decodeCanonical(type, bytes, 'record of the state', bytes.length))
    } catch (cause) {
      throw new NodeError('LEDGER_STATE', { detail: 'a record does not parse' }, { cause })
    }
  }
}
