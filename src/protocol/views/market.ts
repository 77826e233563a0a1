/** Markets, neurons and their history in JSON. */
import { Type, type Static } from 'typebox'
import type { EmissionExplanation, EpochSummary, Market, Neuron, NeuronHistoryPoint } from '../ports/ledger.ts'
import { Address, address, Amount, amount, Count, Hash, Nullable, U16 } from './text.ts'

export const MarketView = Type.Object({
  netuid: Count,
  name: Type.String(),
  neurons: Count,
  neuronsMax: Count,
  difficulty: Amount,
  burnPrice: Amount,
  registrationsThisInterval: Count,
  registrationAllowed: Type.Boolean(),
  tempo: Count,
  epoch: Amount,
  blocksUntilEpoch: Count,
  revealLag: Count,
  emissionShare: Type.Number(),
  pendingEmission: Amount,
  sequenceLength: Count,
  stakeMinimum: Amount,
  validatorStakeMinimum: Amount,
  immunityPeriod: Count,
  activityCutoff: Count,
  fallbackRoot: Hash,
  baseRoot: Hash,
})
export type MarketView = Static<typeof MarketView>

export const marketView = (market: Market): MarketView => ({
  ...market,
  difficulty: amount(market.difficulty),
  burnPrice: amount(market.burnPrice),
  epoch: amount(market.epoch),
  pendingEmission: amount(market.pendingEmission),
  stakeMinimum: amount(market.stakeMinimum),
  validatorStakeMinimum: amount(market.validatorStakeMinimum),
})

export const NeuronView = Type.Object({
  netuid: Count,
  uid: Count,
  hotkey: Address,
  coldkey: Address,
  role: Type.Union([Type.Literal('validator'), Type.Literal('miner'), Type.Literal('idle')]),
  stake: Amount,
  stakeAtEpoch: Amount,
  rank: U16,
  trust: U16,
  consensus: U16,
  incentive: U16,
  dividends: U16,
  validatorTrust: U16,
  pruningScore: U16,
  emission: Amount,
  permit: Type.Boolean(),
  active: Type.Boolean(),
  lastUpdate: Count,
  registeredAt: Count,
  immune: Type.Boolean(),
  addresses: Type.Array(Type.String()),
  model: Nullable(Type.Object({ root: Hash, class: Count, sequenceLength: Count, height: Count })),
  /** What it said of itself when asked (expert.describe); null while nobody of this node asked. */
  kind: Nullable(Type.String()),
  corpus: Nullable(Type.String()),
})
export type NeuronView = Static<typeof NeuronView>

/** `told` is what this node knows of the neuron beyond the ledger. */
export function neuronView(neuron: Neuron, stakeMinimum: bigint, told: { kind: string | null; corpus: string | null }): NeuronView {
  const validates = neuron.permit && neuron.stake >= stakeMinimum
  return {
    ...neuron,
    hotkey: address(neuron.hotkey),
    coldkey: address(neuron.coldkey),
    role: validates ? 'validator' : neuron.model === null ? 'idle' : 'miner',
    stake: amount(neuron.stake),
    stakeAtEpoch: amount(neuron.stakeAtEpoch),
    emission: amount(neuron.emission),
    ...told,
  }
}

export const NeuronHistoryView = Type.Object({
  epoch: Amount,
  height: Count,
  stake: Amount,
  incentive: U16,
  dividends: U16,
  emission: Amount,
})
export type NeuronHistoryView = Static<typeof NeuronHistoryView>
export const neuronHistoryView = (point: NeuronHistoryPoint): NeuronHistoryView => ({
  ...point,
  epoch: amount(point.epoch),
  stake: amount(point.stake),
  emission: amount(point.emission),
})

export const EpochView = Type.Object({
  netuid: Count,
  epoch: Amount,
  height: Count,
  emission: Amount,
  paid: Amount,
  byWeights: Type.Boolean(),
  active: Count,
})
export type EpochView = Static<typeof EpochView>
export const epochView = (epoch: EpochSummary): EpochView => ({
  ...epoch,
  epoch: amount(epoch.epoch),
  emission: amount(epoch.emission),
  paid: amount(epoch.paid),
})

export const ExplanationView = Type.Object({
  summary: EpochView,
  neuron: Type.Object({
    uid: Count,
    hotkey: Address,
    rank: U16,
    trust: U16,
    consensus: U16,
    incentive: U16,
    dividends: U16,
    emission: Amount,
    serverEmission: Amount,
    validatorEmission: Amount,
  }),
  votes: Type.Array(Type.Object({ uid: Count, hotkey: Address, stakeShare: Type.Number(), weight: Type.Number(), clipped: Type.Number() })),
  payouts: Type.Array(
    Type.Object({
      to: Address,
      as: Type.Union([Type.Literal('miner'), Type.Literal('validator'), Type.Literal('take'), Type.Literal('delegation')]),
      amount: Amount,
    }),
  ),
})
export type ExplanationView = Static<typeof ExplanationView>
export const explanationView = ({ summary, neuron, votes, payouts }: EmissionExplanation): ExplanationView => ({
  summary: epochView(summary),
  neuron: {
    ...neuron,
    hotkey: address(neuron.hotkey),
    emission: amount(neuron.emission),
    serverEmission: amount(neuron.serverEmission),
    validatorEmission: amount(neuron.validatorEmission),
  },
  votes: votes.map((vote) => ({ ...vote, hotkey: address(vote.hotkey) })),
  payouts: payouts.map((payout) => ({ ...payout, to: address(payout.to), amount: amount(payout.amount) })),
})
