/** The node itself in JSON: status, roles, quality, scores, wallets, devices, PoW jobs, tokens. */
import { Type, type Static } from 'typebox'
import type { AuditReport, QualityPoint, ScoreRow } from '../ports/node-info.ts'
import { HeadView } from './chain.ts'
import { MarketView } from './market.ts'
import { Address, address, Amount, Count, Hash, Nullable } from './text.ts'

export const MilestoneView = Type.Object({
  event: Type.Union([Type.Literal('ready'), Type.Literal('first_completion'), Type.Literal('first_epoch_paid')]),
  seconds: Type.Number(),
})
export const RoleView = Type.Object({
  role: Type.String(),
  netuid: Count,
  hotkey: Nullable(Address),
  state: Type.String(),
  detail: Type.Record(Type.String(), Type.Union([Type.String(), Type.Number(), Type.Boolean(), Type.Null()])),
})
export const StatusView = Type.Object({
  version: Type.String(),
  startedAt: Count,
  uptimeSeconds: Type.Number(),
  head: HeadView,
  markets: Type.Array(MarketView),
  roles: Type.Array(RoleView),
  milestones: Type.Array(MilestoneView),
})
export type StatusView = Static<typeof StatusView>

export const QualityView = Type.Object({
  time: Count,
  height: Count,
  validator: Address,
  network: Type.Number(),
  uniform: Type.Number(),
  bestSingle: Type.Number(),
  fallback: Type.Number(),
  positions: Count,
})
export type QualityView = Static<typeof QualityView>
export const qualityView = (point: QualityPoint): QualityView => ({ ...point, validator: address(point.validator) })

export const ScoreView = Type.Object({
  validator: Address,
  uid: Count,
  hotkey: Address,
  mean: Type.Number(),
  lowerBound: Type.Number(),
  samples: Type.Number(),
  uptime: Type.Number(),
  lastPhi: Type.Number(),
})
export type ScoreView = Static<typeof ScoreView>
export const scoreView = (row: ScoreRow): ScoreView => ({ ...row, validator: address(row.validator), hotkey: address(row.hotkey) })

export const WalletView = Type.Object({
  name: Type.String(),
  coldkey: Address,
  hotkeys: Type.Array(Type.Object({ name: Type.String(), hotkey: Address })),
})
export type WalletView = Static<typeof WalletView>

export const DeviceView = Type.Object({
  id: Type.String(),
  backend: Type.String(),
  name: Type.String(),
  memoryBytes: Nullable(Type.Number()),
  driver: Nullable(Type.String()),
  features: Type.Array(Type.String()),
  usable: Type.Boolean(),
  reason: Nullable(Type.String()),
})
export type DeviceView = Static<typeof DeviceView>

export const PowJobView = Type.Object({
  id: Type.String(),
  state: Type.Union([Type.Literal('running'), Type.Literal('solved'), Type.Literal('cancelled'), Type.Literal('failed')]),
  netuid: Count,
  hotkey: Address,
  difficulty: Amount,
  block: Count,
  hashes: Type.Number(),
  hashesPerSecond: Type.Number(),
  seconds: Type.Number(),
  expectedSeconds: Nullable(Type.Number()),
  solution: Nullable(Type.Object({ nonce: Amount, seal: Hash })),
  error: Nullable(Type.String()),
  /** What was asked for, and why the CPU took over where it did. */
  backend: Nullable(Type.String()),
  fallback: Nullable(Type.String()),
})
export type PowJobView = Static<typeof PowJobView>

export const TokenView = Type.Object({ token: Type.String(), coldkey: Address, role: Type.String(), expiresAt: Count })
export type TokenView = Static<typeof TokenView>

export const AuditView = Type.Object({
  records: Count,
  root_ok: Type.Boolean(),
  phi_ok: Type.Boolean(),
  weights_ok: Type.Boolean(),
  first_difference: Nullable(Type.String()),
})
export type AuditView = Static<typeof AuditView>
export const auditView = ({ records, rootOk, phiOk, weightsOk, firstDifference }: AuditReport): AuditView => ({
  records,
  root_ok: rootOk,
  phi_ok: phiOk,
  weights_ok: weightsOk,
  first_difference: firstDifference,
})
