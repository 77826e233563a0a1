/**
 * Transactions that wait for a block. Bounded in number, bytes and per signer; arrival decides only who is taken when a block is
 * full (there is no priority to buy), and a signer who was served goes to the end of the line.
 */
import { type Hex, toHex } from '../../../protocol/bytes.ts'
import { NodeError } from '../../../protocol/errors.ts'
import { BLOCK_BYTES_MAX, BLOCK_TRANSACTIONS_MAX, NONCES_AHEAD_MAX } from '../../../protocol/ledger-limits.ts'
import type { Receipt } from '../../../protocol/ports/ledger.ts'
import type { DecodedTransaction } from '../../../protocol/transaction.ts'

export interface MempoolLimits {
  /** About ten full seconds of the node's target load. */
  transactions: number
  bytes: number
  /** Callers that may wait for one transaction. */
  waiters: number
}
export const MEMPOOL_LIMITS: MempoolLimits = { transactions: 20_000, bytes: 32 * 2 ** 20, waiters: 64 }

/** Someone who waits for the receipt. */
export interface Waiter {
  resolve(receipt: Receipt): void
  reject(error: unknown): void
}
interface Entry {
  transaction: DecodedTransaction
  signer: Hex
  waiters: Set<Waiter>
}

export class Mempool {
  readonly #limits: MempoolLimits
  readonly #byId = new Map<Hex, Entry>()
  /** Signers in the order in which they will be served. */
  readonly #signers = new Map<Hex, Map<bigint, Entry>>()
  #bytes = 0

  constructor(limits: MempoolLimits = MEMPOOL_LIMITS) {
    this.#limits = limits
  }

  get size(): number {
    return this.#byId.size
  }
  get bytes(): number {
    return this.#bytes
  }

  /** Whether the transaction waits already; then the waiter joins. */
  join(id: Hex, waiter: Waiter): boolean {
    const entry = this.#byId.get(id)
    if (entry === undefined) return false
    if (entry.waiters.size >= this.#limits.waiters) throw new NodeError('LEDGER_BUSY', { detail: 'too many wait for this transaction' })
    entry.waiters.add(waiter)
    return true
  }

  /** @param next the signer's next nonce. @throws LEDGER_NONCE, LEDGER_NONCE_WAITING, LEDGER_BUSY */
  add(transaction: DecodedTransaction, next: bigint, waiter: Waiter): void {
    const { nonce } = transaction.unsigned
    const signer = toHex(transaction.unsigned.signer)
    if (nonce < next || nonce > next + BigInt(NONCES_AHEAD_MAX)) throw new NodeError('LEDGER_NONCE', { nonce, signer, next })
    const mine = this.#signers.get(signer)
    if (mine?.has(nonce) === true) throw new NodeError('LEDGER_NONCE_WAITING', { nonce, signer })
    if (this.#byId.size >= this.#limits.transactions || this.#bytes + transaction.bytes.length > this.#limits.bytes)
      throw new NodeError('LEDGER_BUSY', { detail: 'the waiting transactions fill their place' })
    const entry: Entry = { transaction, signer, waiters: new Set([waiter]) }
    this.#byId.set(transaction.id, entry)
    if (mine === undefined) this.#signers.set(signer, new Map([[nonce, entry]]))
    else mine.set(nonce, entry)
    this.#bytes += transaction.bytes.length
  }

  /** The waiter no longer waits; its transaction does. */
  leave(id: Hex, waiter: Waiter): void {
    this.#byId.get(id)?.waiters.delete(waiter)
  }

  /** What the next block may hold: of each signer the run from its next nonce on, until the block is full. They keep waiting here. */
  pick(next: (signer: Uint8Array) => bigint): DecodedTransaction[] {
    const picked: DecodedTransaction[] = []
    const served: Hex[] = []
    let bytes = 0
    const fits = (entry: Entry): boolean =>
      picked.length < BLOCK_TRANSACTIONS_MAX && bytes + entry.transaction.bytes.length <= BLOCK_BYTES_MAX
    line: for (const [signer, mine] of this.#signers) {
      for (let nonce = next(keyOf(mine)), entry = mine.get(nonce); entry !== undefined; entry = mine.get(++nonce)) {
        if (!fits(entry)) break line
        picked.push(entry.transaction)
        bytes += entry.transaction.bytes.length
        if (served.at(-1) !== signer) served.push(signer)
      }
    }
    for (const signer of served) this.#toTheEnd(signer)
    return picked
  }

  /** The block with these receipts is durable: tells those who wait. */
  settle(receipts: readonly Receipt[]): void {
    for (const receipt of receipts) {
      const entry = this.#byId.get(receipt.id)
      if (entry === undefined) continue
      this.#remove(entry)
      for (const waiter of entry.waiters) waiter.resolve(receipt)
    }
  }

  /** Drops what can no longer be applied at `height`: expired, or its nonce was used by another transaction. */
  sweep(height: number, next: (signer: Uint8Array) => bigint): void {
    for (const [signer, mine] of this.#signers) {
      const expected = next(keyOf(mine))
      for (const entry of mine.values()) {
        const { nonce, expiry } = entry.transaction.unsigned
        if (expiry < BigInt(height)) this.#refuse(entry, new NodeError('LEDGER_EXPIRED', { expiry, block: height }))
        else if (nonce < expected) this.#refuse(entry, new NodeError('LEDGER_NONCE', { nonce, signer, next: expected }))
      }
    }
  }

  /** A block refused the transaction. One that only came too early, as the one before it was refused too, goes on waiting. */
  refuse(transaction: DecodedTransaction, next: bigint, error: NodeError): void {
    const entry = this.#byId.get(transaction.id)
    if (entry !== undefined && transaction.unsigned.nonce <= next) this.#refuse(entry, error)
  }

  /** The engine ends: nobody will answer. */
  clear(error: NodeError): void {
    for (const entry of this.#byId.values()) this.#refuse(entry, error)
  }

  #refuse(entry: Entry, error: NodeError): void {
    this.#remove(entry)
    for (const waiter of entry.waiters) waiter.reject(error)
  }

  #remove({ transaction, signer }: Entry): void {
    this.#byId.delete(transaction.id)
    const mine = this.#signers.get(signer)
    mine?.delete(transaction.unsigned.nonce)
    if (mine?.size === 0) this.#signers.delete(signer)
    this.#bytes -= transaction.bytes.length
  }

  #toTheEnd(signer: Hex): void {
    const mine = this.#signers.get(signer)
    if (mine === undefined) return
    this.#signers.delete(signer)
    this.#signers.set(signer, mine)
  }
}

/** The key of a signer with at least one transaction. */
function keyOf(mine: ReadonlyMap<bigint, Entry>): Uint8Array {
  for (const entry of mine.values()) return entry.transaction.unsigned.signer
  return new Uint8Array(32)
}
