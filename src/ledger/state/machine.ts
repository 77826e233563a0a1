/** The state machine bound to one genesis and its native functions: what an engine drives. */
import type { Genesis } from '../../protocol/genesis.ts'
import { NONCES_AHEAD_MAX } from '../../protocol/ledger-limits.ts'
import type { EmissionExplanation, EpochSummary, NeuronHistoryPoint, Queries } from '../../protocol/ports/ledger.ts'
import type { DecodedTransaction } from '../../protocol/transaction.ts'
import { admit, apply, order } from './apply.ts'
import type { Applied, BlockInput } from './apply.ts'
import { decodeEpochRecord, encodeEpochRecord } from './epoch-record.ts'
import { explain, historyPoints } from './explain.ts'
import { deserialize, initialState } from './load.ts'
import { queries } from './queries.ts'
import type { StateQueryName } from './queries.ts'
import type { State } from './state.ts'
import type { StateParts } from './work.ts'

/** An ended epoch as an engine keeps it. */
export interface EndedEpoch {
  summary: EpochSummary
  /** By uid. */
  points: NeuronHistoryPoint[]
  /** For `explain`. */
  record: Uint8Array
}
export type MachineApplied = Omit<Applied, 'epochs'> & { epochs: EndedEpoch[] }

export interface StateMachine {
  initial(): State
  root(state: State): Uint8Array
  serialize(state: State): Uint8Array
  deserialize(bytes: Uint8Array, head: Uint8Array): State
  admit(state: State, bytes: Uint8Array): DecodedTransaction
  nonce(state: State, key: Uint8Array): bigint
  order(parent: Uint8Array, transactions: readonly DecodedTransaction[]): DecodedTransaction[]
  apply(state: State, block: BlockInput): MachineApplied
  query<Q extends StateQueryName>(state: State, name: Q, args: Queries[Q]['args']): Queries[Q]['result']
  explain(record: Uint8Array, uid: number): EmissionExplanation
}

/** Errors are those of the functions bound here; a genesis that does not hold is refused by `initial`. */
export function stateMachine(genesis: Genesis, parts: StateParts): StateMachine {
  /** What `admit` has made: its signature was verified, so a block need not ask again. */
  const admitted = new WeakSet<DecodedTransaction>()
  return {
    initial: () => initialState(genesis, parts),
    root: (state) => state.root(),
    serialize: (state) => state.encode(),
    deserialize,
    admit(state, bytes) {
      const transaction = admit(state, bytes, parts, { ahead: NONCES_AHEAD_MAX })
      admitted.add(transaction)
      return transaction
    },
    nonce: (state, key) => state.nonce(key),
    order,
    apply(state, block) {
      const { epochs, ...applied } = apply(state, block, parts, { verified: admitted })
      return {
        ...applied,
        epochs: epochs.map((record) => ({ summary: record.summary, points: historyPoints(record), record: encodeEpochRecord(record) })),
      }
    },
    query(state, name, args) {
      const answer = queries[name] as (state: State, ...args: unknown[]) => Queries[typeof name]['result']
      return answer(state, ...args)
    },
    explain: (record, uid) => explain(decodeEpochRecord(record), uid),
  }
}
