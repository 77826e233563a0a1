/**
 * The embedded engine: this process alone orders blocks. It collects transactions, executes them at each tick of a fixed interval,
 * signs the header, makes block and results durable in one append, and only then answers those who wait (reliability.md 4.1).
 */
import { encodeBlock, headSigningBytes } from '../../../protocol/block.ts'
import { equal, toHex } from '../../../protocol/bytes.ts'
import { NodeError } from '../../../protocol/errors.ts'
import { type Genesis, genesisHash } from '../../../protocol/genesis.ts'
import type { BlockStore } from '../../../protocol/ports/block-store.ts'
import type { BlockEvents, HistoryPoint, Ledger, Queries, QueryName, Receipt } from '../../../protocol/ports/ledger.ts'
import type { Clock, Log, Signer } from '../../../protocol/ports/platform.ts'
import { decodeTransaction } from '../../../protocol/transaction.ts'
import { type Announcements, announcements } from './announcements.ts'
import type { Applied, Machine, StateQuery } from './machine.ts'
import { Mempool, MEMPOOL_LIMITS, type MempoolLimits, type Waiter } from './mempool.ts'
import { recover, type Tip } from './recovery.ts'
import { encodeValue } from './results.ts'
import { rowsOf } from './rows.ts'
import { eventsOf, isStoreQuery, storeQueries } from './store-queries.ts'

export interface EmbeddedOptions {
  genesis: Genesis
  /** Default: the genesis's block time. */
  blockTimeMs?: number
  /** A snapshot is taken when either has passed since the last one: a restart executes no more than this again. */
  snapshotEvery?: { blocks: number; transactions: number }
  mempool?: MempoolLimits
}
export interface EmbeddedParts<State> {
  machine: Machine<State>
  store: BlockStore
  /** The orderer's ed25519 key, as the genesis names it. */
  signer: Signer
  clock: Clock
  log: Log
}
/** The store stays open when the ledger is closed: whoever opened it closes it. */
export interface EmbeddedLedger extends Ledger {
  /** Resolves when the engine has ended: null after `close`, else the failure that stopped it (its row says with which code to exit). */
  readonly stopped: Promise<NodeError | null>
}

/** One thousand blocks without transactions, or ten thousand transactions, are executed again in about a second. */
const SNAPSHOT_EVERY = { blocks: 500, transactions: 10_000 }

/** Recovers the state from the store, then starts to make blocks. @throws LEDGER_OTHER_NETWORK, LEDGER_ROOT_MISMATCH, LEDGER_ORDERER, STORE_* */
export function embedded<State>(options: EmbeddedOptions, parts: EmbeddedParts<State>): EmbeddedLedger {
  const { engine } = options.genesis
  if (engine.kind !== 'orderer' || parts.signer.scheme !== 'ed25519' || !equal(engine.key, parts.signer.publicKey))
    throw new NodeError('LEDGER_ORDERER', { found: toHex(parts.signer.publicKey) })
  return new Embedded(options, parts, recover(options.genesis, parts))
}

class Embedded<State> implements EmbeddedLedger {
  readonly chain: Ledger['chain']
  readonly stopped: Promise<NodeError | null>
  readonly #parts: EmbeddedParts<State>
  readonly #blockTimeMs: number
  readonly #snapshotEvery: { blocks: number; transactions: number }
  readonly #mempool: Mempool
  readonly #announcements: Announcements
  readonly #storeQueries: ReturnType<typeof storeQueries>
  readonly #closing = new AbortController()
  #tip: Tip<State>
  #since = { blocks: 0, transactions: 0 }
  /** Why the engine no longer takes transactions. */
  #refusing: NodeError | null = null

  constructor(options: EmbeddedOptions, parts: EmbeddedParts<State>, tip: Tip<State>) {
    const { genesis } = options
    this.chain = { id: genesis.chainId, genesis: genesisHash(genesis), kind: genesis.kind }
    this.#parts = parts
    this.#blockTimeMs = options.blockTimeMs ?? genesis.parameters.blockTimeMs
    this.#snapshotEvery = options.snapshotEvery ?? SNAPSHOT_EVERY
    this.#mempool = new Mempool(options.mempool ?? MEMPOOL_LIMITS)
    this.#storeQueries = storeQueries(parts.store, parts.machine)
    this.#tip = tip
    this.#since.blocks = tip.height - (parts.store.newestSnapshot()?.height ?? 0)
    this.#announcements = announcements({
      replay: {
        head: () => this.#tip.height,
        oldest: () => parts.store.oldest() ?? 1,
        load: (height) => this.#load(height),
      },
    })
    this.stopped = this.#run()
  }

  async submit(transaction: Uint8Array, signal?: AbortSignal): Promise<Receipt> {
    signal?.throwIfAborted()
    if (this.#refusing !== null) throw this.#refusing
    const { machine } = this.#parts
    const bytes = transaction.slice()
    let admitted
    try {
      admitted = machine.admit(this.#tip.state, bytes)
    } catch (error) {
      const known = this.#appliedBefore(bytes, error)
      if (known !== null) return known
      throw error
    }
    const { promise, resolve, reject } = Promise.withResolvers<Receipt>()
    const waiter: Waiter = { resolve, reject }
    if (!this.#mempool.join(admitted.id, waiter))
      this.#mempool.add(admitted, machine.nonce(this.#tip.state, admitted.unsigned.signer), waiter)
    const leave = (): void => {
      this.#mempool.leave(admitted.id, waiter)
      reject(signal?.reason)
    }
    signal?.addEventListener('abort', leave, { once: true })
    try {
      return await promise
    } finally {
      signal?.removeEventListener('abort', leave)
    }
  }

  async query<Q extends QueryName>(name: Q, ...args: Queries[Q]['args']): Promise<Queries[Q]['result']> {
    if (this.#closing.signal.aborted) throw new NodeError('LEDGER_STOPPED', { detail: 'it was closed' })
    if (isStoreQuery(name)) {
      const answer = this.#storeQueries[name] as (...args: Queries[Q]['args']) => Queries[Q]['result']
      return answer(...args)
    }
    const { state, height, hash, time, root } = this.#tip
    const answer = this.#parts.machine.query(state, name as Q & StateQuery, args as Queries[Q & StateQuery]['args'])
    // A state cannot hold the hash of the block that led to it: the header of that block names the state's root.
    return name === 'head'
      ? Object.assign(answer as Queries['head']['result'], { height, hash: toHex(hash), time, stateRoot: toHex(root) })
      : answer
  }

  subscribe(from: number, signal: AbortSignal): AsyncIterable<BlockEvents> {
    return this.#announcements.subscribe(from, signal)
  }

  /** Ends after the block in work. Transactions that still wait are refused; what was answered stays. */
  async close(): Promise<void> {
    this.#refusing ??= new NodeError('LEDGER_STOPPED', { detail: 'it was closed' })
    this.#closing.abort()
    await this.stopped
  }

  /** A transaction that stands in a block already is answered again, so that a caller who lost the answer may ask twice. */
  #appliedBefore(bytes: Uint8Array, error: unknown): Receipt | null {
    if (!(error instanceof NodeError) || (error.code !== 'LEDGER_NONCE' && error.code !== 'LEDGER_EXPIRED')) return null
    return this.#storeQueries.receipt(decodeTransaction(bytes).id)
  }

  #load(height: number): BlockEvents {
    const stored = this.#parts.store.load(height)
    if (stored === null) throw new NodeError('LEDGER_PRUNED', { height, oldest: this.#parts.store.oldest() ?? 1 })
    return eventsOf(stored)
  }

  /** Blocks at a fixed interval until closed or broken. A block that took too long delays the next one; none is made up for. */
  async #run(): Promise<NodeError | null> {
    const { clock } = this.#parts
    const { signal } = this.#closing
    let due = clock.monotonic() + this.#blockTimeMs
    try {
      while (!signal.aborted) {
        await clock.sleep(Math.max(0, due - clock.monotonic()), signal)
        await this.#produce()
        due = Math.max(due + this.#blockTimeMs, clock.monotonic())
      }
    } catch (error) {
      if (!signal.aborted || error !== signal.reason) return this.#fail(error)
    }
    this.#end(null)
    try {
      this.#snapshot({ blocks: 1, transactions: 0 })
    } catch (error) {
      return this.#fail(error)
    }
    return null
  }

  #fail(error: unknown): NodeError {
    const failure = error instanceof NodeError ? error : new NodeError('LEDGER_STOPPED', { detail: String(error) }, { cause: error })
    this.#parts.log.error('the ledger stops', { code: failure.code, reason: failure.message })
    this.#end(failure)
    return failure
  }

  #end(failure: NodeError | null): void {
    const reason = new NodeError('LEDGER_STOPPED', { detail: failure?.message ?? 'it was closed' }, { cause: failure })
    this.#refusing = reason
    this.#mempool.clear(reason)
    this.#announcements.end(failure === null ? null : reason)
  }

  async #produce(): Promise<void> {
    const { machine, store, clock } = this.#parts
    const tip = this.#tip
    const next = (signer: Uint8Array): bigint => machine.nonce(tip.state, signer)
    const ordered = machine.order(tip.hash, this.#mempool.pick(next))
    const [height, time] = [tip.height + 1, Math.max(tip.time + 1, Math.trunc(clock.now()))]
    const applied = machine.apply(tip.state, { height, time, parent: tip.hash, transactions: ordered })
    const { header, hash, accepted, receipts, events } = applied
    const proof = await this.#parts.signer.sign(headSigningBytes(hash))
    try {
      store.append({
        height,
        hash,
        parent: tip.hash,
        stateRoot: header.stateRoot,
        block: encodeBlock({ header, proof, transactions: accepted }),
        results: encodeValue({ receipts, events }),
        rows: rowsOf(receipts, applied.epochs, this.#historyPoint(tip, applied, { height, time })),
      })
    } catch (error) {
      return this.#waitForSpace(error)
    }
    for (const { index, error } of applied.refused) {
      const transaction = ordered[index]
      if (transaction !== undefined) this.#mempool.refuse(transaction, machine.nonce(applied.state, transaction.unsigned.signer), error)
    }
    this.#committed(applied, { height, hash, time, state: applied.state, root: header.stateRoot })
  }

  /** The block is durable: now, and not before, anyone may hear of it. */
  #committed(applied: Applied<State>, tip: Tip<State>): void {
    this.#tip = tip
    this.#refusing = null
    this.#since = { blocks: this.#since.blocks + 1, transactions: this.#since.transactions + applied.receipts.length }
    this.#mempool.settle(applied.receipts)
    this.#mempool.sweep(tip.height + 1, (signer) => this.#parts.machine.nonce(tip.state, signer))
    this.#announcements.tell({
      height: tip.height,
      hash: toHex(tip.hash),
      time: tip.time,
      stateRoot: toHex(tip.root),
      transactions: applied.receipts.length,
      receipts: applied.receipts,
      events: applied.events,
    })
    this.#snapshot(this.#snapshotEvery)
  }

  /** A full disk has kept nothing: new transactions are refused until a block fits again, those that wait go on waiting. */
  #waitForSpace(error: unknown): void {
    if (!(error instanceof NodeError) || error.code !== 'STORE_FULL') throw error
    if (this.#refusing === null) this.#parts.log.error('no block can be written', { reason: error.message })
    this.#refusing = error
  }

  #snapshot(every: { blocks: number; transactions: number }): void {
    const { machine, store, log } = this.#parts
    if (this.#since.blocks < every.blocks && (every.transactions === 0 || this.#since.transactions < every.transactions)) return
    try {
      store.saveSnapshot(this.#tip.height, this.#tip.root, machine.serialize(this.#tip.state))
      this.#since = { blocks: 0, transactions: 0 }
    } catch (error) {
      if (!(error instanceof NodeError) || error.code !== 'STORE_FULL') throw error
      log.warn('no snapshot could be written', { reason: error.message })
    }
  }

  /** What a market earned in this block: what waits for its epoch grew by it, beside what an epoch paid out of it. */
  #historyPoint(before: Tip<State>, applied: Applied<State>, at: { height: number; time: number }): HistoryPoint {
    const { machine } = this.#parts
    const earlier = new Map(machine.query(before.state, 'markets', []).map((market) => [market.netuid, market.pendingEmission]))
    const { issuance, totalStake } = machine.query(applied.state, 'head', [])
    const markets = machine.query(applied.state, 'markets', []).map(({ netuid, difficulty, burnPrice, neurons, pendingEmission }) => {
      const paid = applied.events.reduce((sum, event) => (event.type === 'epoch' && event.netuid === netuid ? sum + event.paid : sum), 0n)
      return { netuid, difficulty, burnPrice, neurons, emission: pendingEmission + paid - (earlier.get(netuid) ?? 0n) }
    })
    return { ...at, issuance, totalStake, markets }
  }
}
