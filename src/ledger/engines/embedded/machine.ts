/**
 * The state machine as the engine needs it, bound to one genesis and to its native functions by whoever builds the node. The engine
 * orders, times and keeps blocks; what a block does is the machine's alone. Every function is synchronous, and none changes the
 * state it is given: while a block is not yet durable, the state before it is the one that counts.
 */
import type { Header } from '../../../protocol/block.ts'
import type { NodeError } from '../../../protocol/errors.ts'
import type {
  EmissionExplanation,
  EpochSummary,
  LedgerEvent,
  NeuronHistoryPoint,
  Queries,
  Receipt,
} from '../../../protocol/ports/ledger.ts'
import type { DecodedTransaction } from '../../../protocol/transaction.ts'

interface BlockInput {
  height: number
  /** Unix ms, above the parent's. */
  time: number
  /** Hash of the block before; of the genesis at height 1. */
  parent: Uint8Array
  /** As `order` has them. Bytes, or what `admit` gave for them, whose signature then need not be verified again. */
  transactions: readonly (Uint8Array | DecodedTransaction)[]
}

/** What an epoch left behind for queries: never hashed. */
export interface EndedEpoch {
  summary: EpochSummary
  /** What each neuron was in it, by uid. */
  points: NeuronHistoryPoint[]
  /** Everything that `explain` needs. */
  record: Uint8Array
}

export interface Applied<State> {
  state: State
  /** The header of the block that holds exactly `accepted`, with the root of `state`, and its hash. */
  header: Header
  hash: Uint8Array
  /** One for each accepted transaction, in the same order. */
  receipts: Receipt[]
  accepted: Uint8Array[]
  /** Transactions that left no trace and belong into no block, by their place in the input. */
  refused: { index: number; error: NodeError }[]
  events: LedgerEvent[]
  epochs: EndedEpoch[]
}

/** Queries that the state alone answers; the others are answered from the store. */
export type StateQuery = Exclude<keyof Queries, StoreQuery>
export type StoreQuery = 'blocks' | 'receipt' | 'epochs' | 'explain' | 'neuronHistory' | 'history'

export interface Machine<State> {
  /** The state of height 0. */
  initial(): State
  root(state: State): Uint8Array
  serialize(state: State): Uint8Array
  /** @param head hash of the block that led to the state. @throws NodeError LEDGER_STATE, LEDGER_INVARIANT */
  deserialize(bytes: Uint8Array, head: Uint8Array): State
  /**
   * The predicate of mempool and block; here the nonce may lie up to NONCES_AHEAD_MAX ahead.
   * @throws NodeError LEDGER_* with the reason of the refusal
   */
  admit(state: State, bytes: Uint8Array): DecodedTransaction
  /** The next nonce of a key. */
  nonce(state: State, key: Uint8Array): bigint
  /** Order inside a block: by H(previous block hash ‖ account), then nonce. */
  order(parent: Uint8Array, transactions: readonly DecodedTransaction[]): DecodedTransaction[]
  /** @throws NodeError LEDGER_BLOCK when the block cannot follow, LEDGER_INVARIANT when the ledger is broken: then stop */
  apply(state: State, block: BlockInput): Applied<State>
  /** @throws NodeError LEDGER_NOT_FOUND */
  query<Q extends StateQuery>(state: State, name: Q, args: Queries[Q]['args']): Queries[Q]['result']
  /** Why a neuron was paid what it was paid. @param record of an ended epoch. @throws NodeError LEDGER_NOT_FOUND */
  explain(record: Uint8Array, uid: number): EmissionExplanation
}
