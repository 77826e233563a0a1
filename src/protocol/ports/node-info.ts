/** What a node knows of itself and of its neighbours beyond the ledger; filled by `node`, shown by `api`. */
import type { Hex } from '../bytes.ts'

/** One scoring step of a validator of this node, bits per byte on the same held-out positions. */
export interface QualityPoint {
  time: number
  height: number
  validator: Hex
  network: number
  uniform: number
  bestSingle: number
  fallback: number
  positions: number
}
/** What a validator of this node measured of one peer so far (mixture.md 4.2). */
export interface ScoreRow {
  validator: Hex
  uid: number
  hotkey: Hex
  mean: number
  lowerBound: number
  samples: number
  uptime: number
  lastPhi: number
}
export interface RunningRole {
  role: 'miner' | 'validator' | 'gateway' | 'ledger'
  netuid: number
  hotkey: Hex | null
  state: string
  detail: Record<string, string | number | boolean | null>
}
export interface WalletInfo {
  name: string
  coldkey: Hex
  hotkeys: { name: string; hotkey: Hex }[]
}
/** A moment that the start of a local network is measured by. */
export interface Milestone {
  event: 'ready' | 'first_completion' | 'first_epoch_paid'
  seconds: number
}
/** What came out when a validator's evidence of an epoch was computed again (mixture.md 6.7). */
export interface AuditReport {
  records: number
  rootOk: boolean
  phiOk: boolean
  weightsOk: boolean
  firstDifference: string | null
}
export interface NodeInfo {
  readonly version: string
  readonly startedAt: number
  roles(): RunningRole[]
  wallets(): Promise<WalletInfo[]>
  /** Newest last. */
  quality(count: number): Promise<QualityPoint[]>
  scores(netuid: number): ScoreRow[]
  milestones(): Milestone[]
  /** What a hotkey's miner is, as it said itself; nulls while unknown. */
  told(hotkey: Hex): { kind: string | null; corpus: string | null }
  /** @throws NodeError LEDGER_NOT_FOUND, VALIDATOR_NO_EVIDENCE, WIRE_* */
  audit(netuid: number, epoch: bigint, validator: Hex): Promise<AuditReport>
  /** Called for each new quality point and milestone until the signal aborts. */
  watch(
    listener: (event: { type: 'quality'; point: QualityPoint } | { type: 'milestone'; milestone: Milestone }) => void,
    signal: AbortSignal,
  ): void
}
