/** The state machine bound to one genesis and its native functions: what an engine drives. */
import { toHex } from '../../protocol/bytes.ts'
import type { Hex } from '../../protocol/bytes.ts'
import { NodeError } from '../../protocol/errors.ts'
import type { Genesis } from '../../protocol/genesis.ts'
import { NONCES_AHEAD_MAX } from '../../protocol/ledger-limits.ts'
import type { ActionKind, EpochSummary, LedgerEvent, Queries, Receipt } from '../../protocol/ports/ledger.ts'
import type { DecodedTransaction } from '../../protocol/transaction.ts'
import { admit, apply, order } from './apply.ts'
import { explainEpoch } from './explain.ts'
import type { NeuronEpoch } from './explain.ts'
import { deserialize, initialState } from './load.ts'
import { queries } from './queries.ts'
import type { StateQueryName } from './queries.ts'
import type { State } from './state.ts'
import type { StateParts } from './work.ts'

/** A transaction that may enter a block now, or after those with its signer's nonces before it. */
export interface AdmittedTransaction {
  id: Hex
  kind: ActionKind
  signer: Hex
  nonce: bigint
  expiry: bigint
  bytes: Uint8Array
}
export interface MachineBlock {
  height: number
  time: number
  parent: Uint8Array
  transactions: readonly Uint8Array[]
}
export interface MachineApplied {
  state: State
  root: Uint8Array
  receipts: Receipt[]
  /** Transactions that a block should not hold: they changed nothing and have no receipt. */
  refused: { id: Hex; error: NodeError }[]
  events: LedgerEvent[]
  epochs: { summary: EpochSummary; neurons: NeuronEpoch[] }[]
}
export interface StateMachine {
  initial(): State
  root(state: State): Uint8Array
  serialize(state: State): Uint8Array
  deserialize(bytes: Uint8Array): State
  admit(state: State, bytes: Uint8Array): AdmittedTransaction
  nonce(state: State, signer: Hex): bigint
  order(parent: Uint8Array, transactions: readonly AdmittedTransaction[]): AdmittedTransaction[]
  apply(state: State, block: MachineBlock): MachineApplied
  query<Q extends StateQueryName>(state: State, name: Q, args: Queries[Q]['args']): Queries[Q]['result']
}

/** @throws NodeError LEDGER_GENESIS from `initial`; the others as the functions they are made of */
export function stateMachine(genesis: Genesis, parts: StateParts): StateMachine {
  /** What was admitted, by the very bytes that the engine keeps: in a block they are neither decoded nor verified again. */
  const admitted = new WeakMap<Uint8Array, DecodedTransaction>()
  const decodedOf = ({ bytes, id }: AdmittedTransaction): DecodedTransaction => {
    const found = admitted.get(bytes)
    if (found === undefined) throw new NodeError('LEDGER_NOT_FOUND', { what: `admitted transaction ${id}` })
    return found
  }
  return {
    initial: () => initialState(genesis, parts),
    root: (state) => state.root(),
    serialize: (state) => state.encode(),
    deserialize: (bytes) => deserialize(bytes),
    admit(state, bytes) {
      const transaction = admit(state, bytes, parts, { ahead: NONCES_AHEAD_MAX })
      admitted.set(bytes, transaction)
      return viewOf(transaction)
    },
    nonce: (state, signer) => queries.nonce(state, signer),
    order: (parent, transactions) => order(parent, transactions.map(decodedOf)).map(viewOf),
    apply(state, block) {
      const transactions = block.transactions.map((bytes) => admitted.get(bytes) ?? bytes)
      const verified = new Set(transactions.filter((entry): entry is DecodedTransaction => !(entry instanceof Uint8Array)))
      const applied = apply(state, { ...block, transactions }, parts, { verified })
      const unreadable = applied.refused.find(({ id }) => id === undefined)
      if (unreadable) throw new NodeError('LEDGER_BLOCK', { detail: `entry ${unreadable.index}: ${unreadable.error.message}` })
      return {
        state: applied.state,
        root: applied.root,
        receipts: applied.receipts,
        refused: applied.refused.map(({ id, error }) => ({ id: id ?? '', error })),
        events: applied.events,
        epochs: applied.epochs.map((record) => ({ summary: record.summary, neurons: explainEpoch(record) })),
      }
    },
    query: (state, name, args) => {
      const answer = queries[name] as (state: State, ...args: unknown[]) => Queries[typeof name]['result']
      return answer(state, ...args)
    },
  }
}

const viewOf = ({ id, unsigned, bytes }: DecodedTransaction): AdmittedTransaction => ({
  id,
  kind: unsigned.action.kind,
  signer: toHex(unsigned.signer),
  nonce: unsigned.nonce,
  expiry: unsigned.expiry,
  bytes,
})
