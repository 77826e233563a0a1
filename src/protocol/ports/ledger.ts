/**
 * The ledger as every other room sees it. Engines (embedded, follower, cometbft) fill it; the state may live in a worker
 * thread, so everything is asynchronous and every value can be structured-cloned. Keys and hashes are `Hex`, amounts bigint rao.
 */
import type { Hex } from '../bytes.ts'
import type { Scheme } from './compute.ts'

// ------------------------------------------------------------------------------------------------ transactions
/** What a transaction does. Key fields are 32 bytes; see the table in ledger.md for signer and effect of each kind. */
export type Action =
  | { kind: 'transfer'; to: Uint8Array; amount: bigint }
  | { kind: 'register'; netuid: number; coldkey: Uint8Array; block: bigint; nonce: bigint }
  | { kind: 'register_burned'; netuid: number; hotkey: Uint8Array; limit: bigint }
  | { kind: 'add_stake'; hotkey: Uint8Array; amount: bigint }
  | { kind: 'remove_stake'; hotkey: Uint8Array; amount: bigint }
  | { kind: 'move_stake'; from: Uint8Array; to: Uint8Array; amount: bigint }
  | { kind: 'become_delegate'; hotkey: Uint8Array; take: number }
  | { kind: 'set_take'; hotkey: Uint8Array; take: number }
  | { kind: 'serve'; netuid: number; addresses: readonly string[]; httpIp: Uint8Array; httpPort: number }
  | { kind: 'commit_model'; netuid: number; root: Uint8Array; class: number; sequenceLength: number }
  | { kind: 'commit_weights'; netuid: number; epoch: bigint; commitment: Uint8Array }
  | {
      kind: 'reveal_weights'
      netuid: number
      epoch: bigint
      uids: Uint16Array
      values: Uint16Array
      salt: Uint8Array
      evidence: Uint8Array
    }
export type ActionKind = Action['kind']
export interface Unsigned {
  chainId: string
  genesis: Uint8Array
  action: Action
  scheme: Scheme
  signer: Uint8Array
  nonce: bigint
  /** Last height at which it may be applied; at most 1,000 blocks ahead. */
  expiry: bigint
}

/** The durable outcome of a transaction. `error` is null, or a stable code of protocol/errors.ts with its line. */
export interface Receipt {
  id: Hex
  height: number
  index: number
  kind: ActionKind
  signer: Hex
  error: { code: string; text: string } | null
}

// ------------------------------------------------------------------------------------------------ events
export type LedgerEvent =
  | { type: 'transferred'; from: Hex; to: Hex; amount: bigint }
  | { type: 'registered'; netuid: number; uid: number; hotkey: Hex; coldkey: Hex; burned: bigint }
  | { type: 'deregistered'; netuid: number; uid: number; hotkey: Hex }
  | { type: 'staked'; coldkey: Hex; hotkey: Hex; amount: bigint }
  | { type: 'unstaked'; coldkey: Hex; hotkey: Hex; amount: bigint }
  | { type: 'take_set'; hotkey: Hex; take: number }
  | { type: 'served'; netuid: number; uid: number; hotkey: Hex; addresses: string[] }
  | { type: 'model_committed'; netuid: number; uid: number; hotkey: Hex; root: Hex }
  | { type: 'weights_committed'; netuid: number; uid: number; hotkey: Hex; epoch: bigint }
  | { type: 'weights_revealed'; netuid: number; uid: number; hotkey: Hex; epoch: bigint; targets: number; evidence: Hex }
  | { type: 'difficulty_adjusted'; netuid: number; difficulty: bigint; burnPrice: bigint }
  /** An epoch's end. `byWeights`: incentive was paid by revealed weights (not by the no-weights rule). */
  | { type: 'epoch'; netuid: number; epoch: bigint; paid: bigint; miners: number; validators: number; byWeights: boolean }
export interface BlockEvents {
  height: number
  hash: Hex
  /** Block time, Unix ms. */
  time: number
  stateRoot: Hex
  transactions: number
  receipts: Receipt[]
  events: LedgerEvent[]
}

// ------------------------------------------------------------------------------------------------ queries
export interface Head {
  chainId: string
  kind: 'local' | 'dev' | 'main'
  genesisHash: Hex
  height: number
  hash: Hex
  time: number
  stateRoot: Hex
  issuance: bigint
  totalStake: bigint
  treasury: bigint
  blockTimeMs: number
}
export interface Market {
  netuid: number
  name: string
  neurons: number
  neuronsMax: number
  difficulty: bigint
  burnPrice: bigint
  registrationsThisInterval: number
  registrationAllowed: boolean
  tempo: number
  /** Epochs completed; the counter that commitments name. */
  epoch: bigint
  blocksUntilEpoch: number
  revealLag: number
  emissionShare: number
  pendingEmission: bigint
  sequenceLength: number
  stakeMinimum: bigint
  validatorStakeMinimum: bigint
  immunityPeriod: number
  activityCutoff: number
  fallbackRoot: Hex
  baseRoot: Hex
}
export interface Neuron {
  netuid: number
  uid: number
  hotkey: Hex
  coldkey: Hex
  /** Live stake behind the hotkey, and as of the last epoch, in rao. */
  stake: bigint
  stakeAtEpoch: bigint
  /** u16 of 0..65535, as in consensus-scoring.md. */
  rank: number
  trust: number
  consensus: number
  incentive: number
  dividends: number
  validatorTrust: number
  pruningScore: number
  /** rao of the last epoch. */
  emission: bigint
  permit: boolean
  active: boolean
  lastUpdate: number
  registeredAt: number
  immune: boolean
  addresses: string[]
  /** Null without a commitment. `class` is the number of mixture.md 2.6. */
  model: { root: Hex; class: number; sequenceLength: number; height: number } | null
}
export interface Account {
  coldkey: Hex
  free: bigint
  locked: bigint
  nonce: bigint
  stakes: { hotkey: Hex; amount: bigint }[]
}
export interface HotkeyInfo {
  hotkey: Hex
  /** Null while unknown to the ledger. */
  owner: Hex | null
  take: number
  stake: bigint
  nonce: bigint
  delegations: { coldkey: Hex; amount: bigint }[]
}
export interface EpochSummary {
  netuid: number
  epoch: bigint
  height: number
  emission: bigint
  paid: bigint
  byWeights: boolean
  active: number
}
/** Every number that led to one neuron's emission in an epoch, so that it can be recomputed by hand. */
export interface EmissionExplanation {
  summary: EpochSummary
  neuron: {
    uid: number
    hotkey: Hex
    rank: number
    trust: number
    consensus: number
    incentive: number
    dividends: number
    emission: bigint
    serverEmission: bigint
    validatorEmission: bigint
  }
  /** What each validator with weight said of it: its stake share (active stake, 0..1), normalised weight, clipped weight. */
  votes: { uid: number; hotkey: Hex; stakeShare: number; weight: number; clipped: number }[]
  /** How the emission was split. */
  payouts: { to: Hex; as: 'miner' | 'validator' | 'take' | 'delegation'; amount: bigint }[]
}
export interface BlockSummary {
  height: number
  hash: Hex
  parent: Hex
  time: number
  stateRoot: Hex
  transactions: { id: Hex; kind: ActionKind; signer: Hex; error: string | null }[]
  events: LedgerEvent[]
}
export interface HistoryPoint {
  height: number
  time: number
  issuance: bigint
  totalStake: bigint
  markets: { netuid: number; difficulty: bigint; burnPrice: bigint; neurons: number; emission: bigint }[]
}
/** What a neuron was in one epoch, newest first in answers. */
export interface NeuronHistoryPoint {
  epoch: bigint
  height: number
  stake: bigint
  incentive: number
  dividends: number
  emission: bigint
}

/** The one query layer: name -> arguments and result. REST, CLI and dashboard go through it. @throws LEDGER_NOT_FOUND */
export interface Queries {
  head: { args: []; result: Head }
  /** Every governed parameter by name, amounts as bigint. */
  parameters: { args: []; result: Record<string, number | bigint | boolean | string> }
  markets: { args: []; result: Market[] }
  market: { args: [netuid: number]; result: Market }
  neurons: { args: [netuid: number]; result: Neuron[] }
  neuron: { args: [netuid: number, uid: number]; result: Neuron }
  neuronOf: { args: [netuid: number, hotkey: Hex]; result: Neuron | null }
  /** Last counted weights row of each validator. */
  weights: { args: [netuid: number]; result: { uid: number; uids: number[]; values: number[]; lastUpdate: number }[] }
  account: { args: [coldkey: Hex]; result: Account }
  hotkey: { args: [hotkey: Hex]; result: HotkeyInfo }
  /** Next nonce to use by this key. */
  nonce: { args: [key: Hex]; result: bigint }
  /** (netuid, key) -> access for every key that has any in that market: hotkeys and coldkeys. */
  access: { args: [netuid: number]; result: { key: Hex; registered: boolean; permit: boolean; admitted: boolean; share: number }[] }
  blocks: { args: [from: number, count: number]; result: BlockSummary[] }
  receipt: { args: [id: Hex]; result: Receipt | null }
  epochs: { args: [netuid: number, before: bigint | null, count: number]; result: EpochSummary[] }
  explain: { args: [netuid: number, epoch: bigint, uid: number]; result: EmissionExplanation }
  neuronHistory: { args: [netuid: number, uid: number, count: number]; result: NeuronHistoryPoint[] }
  history: { args: [count: number]; result: HistoryPoint[] }
}
export type QueryName = keyof Queries

export interface Ledger {
  /** Chain id and genesis hash, fixed for the life of the port; needed to sign. */
  readonly chain: { id: string; genesis: Uint8Array; kind: 'local' | 'dev' | 'main' }
  /**
   * Submits the canonical bytes of a signed transaction; resolves with its receipt after the block that holds it is durable.
   * A receipt may carry an error. @throws NodeError LEDGER_* when it is refused before a block (bad bytes, signature, nonce, rate, mempool full)
   */
  submit(transaction: Uint8Array, signal?: AbortSignal): Promise<Receipt>
  query<Q extends QueryName>(name: Q, ...args: Queries[Q]['args']): Promise<Queries[Q]['result']>
  /** Every block from height `from` on (older ones are replayed from the store), until the signal aborts. */
  subscribe(from: number, signal: AbortSignal): AsyncIterable<BlockEvents>
  close(): Promise<void>
}
