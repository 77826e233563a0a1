/** Who has staked what behind whom: rows without gaps, found by pair, by hotkey and by coldkey (all by row numbers). */
import { NodeError } from '../../protocol/errors.ts'
import { Chains } from './chains.ts'
import { forkParts } from './container.ts'
import type { StakeParts } from './layout.ts'
import { Lookup } from './lookup.ts'

/** A bijection of 64 bits that spreads neighbouring pairs over the lookup. */
function pairKey(hotkey: number, coldkey: number): Uint8Array {
  const mix = (value: number): number => {
    let x = value >>> 0
    x = Math.imul(x ^ (x >>> 16), 0x85ebca6b)
    x = Math.imul(x ^ (x >>> 13), 0xc2b2ae35)
    return (x ^ (x >>> 16)) >>> 0
  }
  const key = new Uint8Array(8)
  const view = new DataView(key.buffer)
  view.setUint32(0, mix(coldkey ^ mix(hotkey)))
  view.setUint32(4, hotkey)
  return key
}

export interface Stake {
  hotkey: number
  coldkey: number
  amount: bigint
}

export class StakeTable {
  readonly parts: StakeParts
  #pairs = new Lookup()
  #byHotkey = new Chains()
  #byColdkey = new Chains()

  private constructor(parts: StakeParts) {
    this.parts = parts
  }

  /** The table of loaded rows. @throws NodeError LEDGER_STATE when a pair stands twice or a stake is empty */
  static of(parts: StakeParts): StakeTable {
    const table = new StakeTable(parts)
    const { hotkey, coldkey, amount } = parts
    if (hotkey.length !== amount.length || coldkey.length !== amount.length)
      throw new NodeError('LEDGER_STATE', { detail: 'the stakes differ in length' })
    for (let row = 0; row < amount.length; row++) {
      if (amount.get(row) === 0n || table.#row(hotkey.get(row), coldkey.get(row)) !== undefined)
        throw new NodeError('LEDGER_STATE', { detail: 'a stake is empty or stands twice' })
      table.#link(row)
    }
    return table
  }

  fork(): StakeTable {
    const copy = new StakeTable(forkParts(this.parts))
    copy.#pairs = this.#pairs.fork()
    copy.#byHotkey = this.#byHotkey.fork()
    copy.#byColdkey = this.#byColdkey.fork()
    return copy
  }

  get(hotkey: number, coldkey: number): bigint {
    const row = this.#row(hotkey, coldkey)
    return row === undefined ? 0n : this.parts.amount.get(row)
  }

  /** Sets the stake of a pair; 0 takes its row away, and the last row fills the gap. */
  set(hotkey: number, coldkey: number, amount: bigint): void {
    const { parts } = this
    const row = this.#row(hotkey, coldkey)
    if (row !== undefined && amount > 0n) parts.amount.set(row, amount)
    else if (row !== undefined) this.#remove(row)
    else if (amount > 0n) {
      parts.hotkey.push(hotkey)
      parts.coldkey.push(coldkey)
      this.#link(parts.amount.push(amount))
    }
  }

  /** All stakes behind a hotkey, by the number of the coldkey. */
  ofHotkey(hotkey: number): Stake[] {
    return this.#at(this.#byHotkey.rows(hotkey)).sort((a, b) => a.coldkey - b.coldkey)
  }

  /** All stakes of a coldkey, by the number of the hotkey. */
  ofColdkey(coldkey: number): Stake[] {
    return this.#at(this.#byColdkey.rows(coldkey)).sort((a, b) => a.hotkey - b.hotkey)
  }

  hasColdkey(coldkey: number): boolean {
    return !this.#byColdkey.isEmpty(coldkey)
  }

  #at(rows: number[]): Stake[] {
    const { hotkey, coldkey, amount } = this.parts
    return rows.map((row) => ({ hotkey: hotkey.get(row), coldkey: coldkey.get(row), amount: amount.get(row) }))
  }

  #row(hotkey: number, coldkey: number): number | undefined {
    const row = this.#pairs.candidate(pairKey(hotkey, coldkey))
    return row !== undefined && this.parts.hotkey.get(row) === hotkey && this.parts.coldkey.get(row) === coldkey ? row : undefined
  }

  #keyOf(row: number): Uint8Array {
    return pairKey(this.parts.hotkey.get(row), this.parts.coldkey.get(row))
  }

  #link(row: number): void {
    this.#pairs.add(this.#keyOf(row), row, (other) => this.#keyOf(other))
    this.#byHotkey.add(this.parts.hotkey.get(row), row)
    this.#byColdkey.add(this.parts.coldkey.get(row), row)
  }

  #unlink(row: number): void {
    this.#pairs.remove(this.#keyOf(row))
    this.#byHotkey.remove(this.parts.hotkey.get(row), row)
    this.#byColdkey.remove(this.parts.coldkey.get(row), row)
  }

  #remove(row: number): void {
    const { hotkey, coldkey, amount } = this.parts
    const last = amount.length - 1
    this.#unlink(row)
    if (row !== last) {
      this.#unlink(last)
      hotkey.set(row, hotkey.get(last))
      coldkey.set(row, coldkey.get(last))
      amount.set(row, amount.get(last))
      this.#link(row)
    }
    for (const column of [hotkey, coldkey, amount]) column.resize(last)
  }
}
