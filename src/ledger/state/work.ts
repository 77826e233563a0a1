/** One block under way: the state it makes, the one it came from, and what has happened so far. */
import type { Hex } from '../../protocol/bytes.ts'
import type { ConsensusCompute, PowCompute, SignatureCompute } from '../../protocol/ports/compute.ts'
import type { LedgerEvent } from '../../protocol/ports/ledger.ts'
import type { ChainParameters } from '../../protocol/parameters.ts'
import type { State } from './state.ts'

/** The synchronous native functions that the state machine calls. */
export interface StateParts {
  pow: Pick<PowCompute, 'verify'>
  signature: Pick<SignatureCompute, 'verify' | 'verifyBatch'>
  consensus: ConsensusCompute
}

/** Who signed a transaction: its key and, by the role of its kind, the row of its account or hotkey where there is one. */
export interface SignedBy {
  key: Uint8Array
  hex: Hex
  account: number | undefined
  hotkey: number | undefined
}

/** Says yes by returning what to do, and no by throwing a NodeError; only what it returns writes to the state. */
export type Handler<A> = (work: Work, action: A, signer: SignedBy) => () => void

export class Work {
  readonly before: State
  readonly state: State
  readonly parts: StateParts
  /** Height of this block. */
  readonly height: number
  readonly events: LedgerEvent[] = []
  /** Registrations of this block by netuid. */
  readonly registrations = new Map<number, number>()
  /** Hotkeys' rows that lost a uid in this block, and may go. */
  readonly bereft = new Set<number>()
  /** Rows whose money changed, for the checks at the block's end. */
  readonly touched = { accounts: new Set<number>(), hotkeys: new Set<number>(), pairs: new Map<number, Set<number>>() }
  /** Counts every write that a transaction may cause, so that a failed one can be shown to have made none. */
  writes = 0

  constructor(before: State, parts: StateParts) {
    this.before = before
    this.state = before.fork()
    this.parts = parts
    this.height = before.height + 1
  }

  get parameters(): Readonly<ChainParameters> {
    return this.state.parameters
  }
}
