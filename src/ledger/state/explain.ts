/** An epoch's record told per neuron: every number that led to an emission. Views for people; the ledger never reads them. */
import type { EpochInput, EpochOutput, SparseRows } from '../../protocol/ports/compute.ts'
import type { EmissionExplanation, NeuronHistoryPoint } from '../../protocol/ports/ledger.ts'
import type { EpochRecord } from './epoch.ts'

const ALL = 65_535
type Votes = EmissionExplanation['votes']

/** What one neuron was in an epoch, and why. */
export interface NeuronEpoch {
  uid: number
  point: NeuronHistoryPoint
  explanation: EmissionExplanation
}

/** All neurons of an epoch, by uid. */
export function explainEpoch(record: EpochRecord): NeuronEpoch[] {
  const { summary, hotkeys, input, output, payouts } = record
  const votes = votesOf(record)
  const paid: EmissionExplanation['payouts'][] = hotkeys.map(() => [])
  for (const { uid, to, as, amount } of payouts) paid[uid]?.push({ to, as, amount })
  return hotkeys.map((hotkey, uid) => ({
    uid,
    point: {
      epoch: summary.epoch,
      height: summary.height,
      stake: input.stake[uid] ?? 0n,
      incentive: output.incentive[uid] ?? 0,
      dividends: output.dividends[uid] ?? 0,
      emission: (output.serverEmission[uid] ?? 0n) + (output.validatorEmission[uid] ?? 0n),
    },
    explanation: { summary, neuron: { uid, hotkey, ...numbersOf(output, uid) }, votes: votes[uid] ?? [], payouts: paid[uid] ?? [] },
  }))
}

const numbersOf = (output: EpochOutput, uid: number): Omit<EmissionExplanation['neuron'], 'uid' | 'hotkey'> => ({
  rank: output.rank[uid] ?? 0,
  trust: output.trust[uid] ?? 0,
  consensus: output.consensus[uid] ?? 0,
  incentive: output.incentive[uid] ?? 0,
  dividends: output.dividends[uid] ?? 0,
  emission: output.emission[uid] ?? 0n,
  serverEmission: output.serverEmission[uid] ?? 0n,
  validatorEmission: output.validatorEmission[uid] ?? 0n,
})

/** By target, what each validator whose row counted said of it. */
function votesOf({ hotkeys, input, output }: EpochRecord): Votes[] {
  const votes: Votes[] = hotkeys.map(() => [])
  const shares = activeShares(input, output.active)
  for (const [uid, hotkey] of hotkeys.entries()) {
    if (input.validatorPermit[uid] !== 1) continue
    for (const [target, weight] of rowOf(input, uid)) {
      const clipped = Math.min(weight, (output.consensus[target] ?? 0) / ALL)
      votes[target]?.push({ uid, hotkey, stakeShare: shares[uid] ?? 0, weight, clipped })
    }
  }
  return votes
}

/** Stake shares that counted (step 4): of active uids that had a permit. */
function activeShares({ n, stake, validatorPermit }: EpochInput, active: Uint8Array): Float64Array {
  const shares = new Float64Array(n)
  for (let uid = 0; uid < n; uid++) if (active[uid] === 1 && validatorPermit[uid] === 1) shares[uid] = Number(stake[uid] ?? 0n)
  const total = shares.reduce((sum, share) => sum + share, 0)
  return total > 0 ? shares.map((share) => share / total) : shares
}

/** A validator's row without what the scoring leaves out (step 5), normalised. */
function rowOf({ weights, lastUpdate, blockAtRegistration }: EpochInput, uid: number): [target: number, weight: number][] {
  const row = entriesOf(weights, uid).filter(([target]) => target !== uid && (lastUpdate[uid] ?? 0n) > (blockAtRegistration[target] ?? 0n))
  const sum = row.reduce((total, [, value]) => total + value, 0)
  return sum > 0 ? row.map(([target, value]) => [target, value / sum]) : []
}

const entriesOf = ({ offsets, uids, values }: SparseRows, uid: number): [target: number, value: number][] => {
  const from = offsets[uid] ?? 0
  return Array.from({ length: (offsets[uid + 1] ?? 0) - from }, (_, i) => [uids[from + i] ?? 0, values[from + i] ?? 0])
}
