/** An epoch's record told per neuron: every number that led to an emission. Views for people; the ledger never reads them. */
import { NodeError } from '../../protocol/errors.ts'
import type { SparseRows } from '../../protocol/ports/compute.ts'
import type { EmissionExplanation, NeuronHistoryPoint } from '../../protocol/ports/ledger.ts'
import type { EpochRecord } from './epoch-record.ts'

const ALL = 65_535

/** What each neuron was in an epoch, by uid. */
export function historyPoints({ summary, hotkeys, input, output }: EpochRecord): NeuronHistoryPoint[] {
  return hotkeys.map((_, uid) => ({
    epoch: summary.epoch,
    height: summary.height,
    stake: input.stake[uid] ?? 0n,
    incentive: output.incentive[uid] ?? 0,
    dividends: output.dividends[uid] ?? 0,
    emission: (output.serverEmission[uid] ?? 0n) + (output.validatorEmission[uid] ?? 0n),
  }))
}

/** @throws NodeError LEDGER_NOT_FOUND when the uid was not taken in that epoch */
export function explain(record: EpochRecord, uid: number): EmissionExplanation {
  const { summary, hotkeys, output, payouts } = record
  const hotkey = hotkeys[uid]
  if (hotkey === undefined)
    throw new NodeError('LEDGER_NOT_FOUND', { what: `uid ${uid} in epoch ${summary.epoch} of market ${summary.netuid}` })
  return {
    summary,
    neuron: {
      uid,
      hotkey,
      rank: output.rank[uid] ?? 0,
      trust: output.trust[uid] ?? 0,
      consensus: output.consensus[uid] ?? 0,
      incentive: output.incentive[uid] ?? 0,
      dividends: output.dividends[uid] ?? 0,
      emission: output.emission[uid] ?? 0n,
      serverEmission: output.serverEmission[uid] ?? 0n,
      validatorEmission: output.validatorEmission[uid] ?? 0n,
    },
    votes: votesFor(record, uid),
    payouts: payouts.filter((payout) => payout.uid === uid).map(({ to, as, amount }) => ({ to, as, amount })),
  }
}

/** What each validator whose row counted said of one neuron. */
function votesFor(record: EpochRecord, target: number): EmissionExplanation['votes'] {
  const { hotkeys, input, output } = record
  const shares = activeShares(record)
  const consensus = (output.consensus[target] ?? 0) / ALL
  const votes: EmissionExplanation['votes'] = []
  for (const [uid, hotkey] of hotkeys.entries()) {
    if (input.validatorPermit[uid] !== 1) continue
    const weight = shareInRow(input, uid, target)
    if (weight !== undefined) votes.push({ uid, hotkey, stakeShare: shares[uid] ?? 0, weight, clipped: Math.min(weight, consensus) })
  }
  return votes
}

/** Stake shares that counted (consensus-scoring.md, step 4): of active uids that had a permit. */
function activeShares({ input: { n, stake, validatorPermit }, output: { active } }: EpochRecord): Float64Array {
  const shares = new Float64Array(n)
  for (let uid = 0; uid < n; uid++) if (active[uid] === 1 && validatorPermit[uid] === 1) shares[uid] = Number(stake[uid] ?? 0n)
  const total = shares.reduce((sum, share) => sum + share, 0)
  return total > 0 ? shares.map((share) => share / total) : shares
}

/** A target's share of a validator's row without what the scoring leaves out (step 5); undefined where it has none. */
function shareInRow({ weights, lastUpdate, blockAtRegistration }: EpochRecord['input'], uid: number, target: number): number | undefined {
  let sum = 0
  let own: number | undefined
  for (const [other, value] of entriesOf(weights, uid)) {
    if (other === uid || (lastUpdate[uid] ?? 0n) <= (blockAtRegistration[other] ?? 0n)) continue
    sum += value
    if (other === target) own = value
  }
  return own === undefined || sum === 0 ? undefined : own / sum
}

function* entriesOf({ offsets, uids, values }: SparseRows, uid: number): Generator<[target: number, value: number]> {
  for (let at = offsets[uid] ?? 0; at < (offsets[uid + 1] ?? 0); at++) yield [uids[at] ?? 0, values[at] ?? 0]
}
