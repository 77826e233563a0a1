/**
 * The state machine as the engine needs it, bound to one genesis and to its native functions by whoever builds the node. The engine
 * orders, times and keeps blocks; what a block does is the machine's alone. Every function is synchronous, and none changes the
 * state it is given: while a block is not yet durable, the state before it is the one that counts.
 */
import type { Hex } from '../../../protocol/bytes.ts'
import type {
  ActionKind,
  EmissionExplanation,
  EpochSummary,
  LedgerEvent,
  NeuronHistoryPoint,
  Queries,
  Receipt,
} from '../../../protocol/ports/ledger.ts'

/** A transaction that may enter a block now, or after those with its signer's nonces before it. */
export interface Admitted {
  id: Hex
  kind: ActionKind
  signer: Hex
  nonce: bigint
  /** Last height at which it may be applied. */
  expiry: bigint
  bytes: Uint8Array
}

export interface BlockInput {
  height: number
  /** Unix ms, above the parent's. */
  time: number
  /** Hash of the block before; of the genesis at height 1. */
  parent: Uint8Array
  transactions: readonly Uint8Array[]
}

/** What an epoch left behind for queries: never hashed. */
export interface EpochRecord {
  summary: EpochSummary
  neurons: { uid: number; point: NeuronHistoryPoint; explanation: EmissionExplanation }[]
}

export interface Applied<State> {
  state: State
  root: Uint8Array
  /** One a transaction, in block order. */
  receipts: Receipt[]
  events: LedgerEvent[]
  epochs: EpochRecord[]
}

/** Queries that the state alone answers; the others are answered from the store. */
export type StateQuery = Exclude<keyof Queries, StoreQuery>
export type StoreQuery = 'blocks' | 'receipt' | 'epochs' | 'explain' | 'neuronHistory' | 'history'

export interface Machine<State> {
  /** The state of height 0. */
  initial(): State
  root(state: State): Uint8Array
  serialize(state: State): Uint8Array
  /** @throws NodeError LEDGER_STATE */
  deserialize(bytes: Uint8Array): State
  /**
   * The predicate of mempool and block (the nonce may lie up to NONCES_AHEAD_MAX ahead here).
   * @throws NodeError LEDGER_* with the reason of the refusal
   */
  admit(state: State, bytes: Uint8Array): Admitted
  /** The next nonce of a key. */
  nonce(state: State, signer: Hex): bigint
  /** Order inside a block: by H(previous block hash ‖ account), then nonce. */
  order(parent: Uint8Array, transactions: readonly Admitted[]): Admitted[]
  /** @throws NodeError LEDGER_BLOCK, LEDGER_INVARIANT */
  apply(state: State, block: BlockInput): Applied<State>
  /** @throws NodeError LEDGER_NOT_FOUND */
  query<Q extends StateQuery>(state: State, name: Q, args: Queries[Q]['args']): Queries[Q]['result']
}
