/** An epoch's record as its summary per neuron: every number that led to an emission. Views for people; the ledger never reads them. */
import { NodeError } from '../../protocol/errors.ts'
import type { EpochInput, SparseRows } from '../../protocol/ports/compute.ts'
import type { EmissionExplanation, NeuronHistoryPoint } from '../../protocol/ports/ledger.ts'
import type { EpochRecord } from './epoch.ts'

const ALL = 65_535

/** Stake shares that counted (step 4): of active uids that had a permit. */
function activeShares({ n, stake, validatorPermit }: EpochInput, active: Uint8Array): Float64Array {
  const shares = new Float64Array(n)
  let total = 0
  for (let uid = 0; uid < n; uid++) if (active[uid] === 1 && validatorPermit[uid] === 1) total += shares[uid] = Number(stake[uid] ?? 0n)
  return total > 0 ? shares.map((share) => share / total) : shares
}

/** Row i with what the scoring leaves out removed (step 5), normalised. */
function rowOf({ weights, lastUpdate, blockAtRegistration }: EpochInput, uid: number): Map<number, number> {
  const row = new Map<number, number>()
  let sum = 0
  for (const [target, value] of entriesOf(weights, uid)) {
    if (target === uid || (lastUpdate[uid] ?? 0n) <= (blockAtRegistration[target] ?? 0n)) continue
    row.set(target, value)
    sum += value
  }
  for (const [target, value] of row) row.set(target, sum > 0 ? value / sum : 0)
  return row
}

function* entriesOf({ offsets, uids, values }: SparseRows, uid: number): Generator<[target: number, value: number]> {
  for (let at = offsets[uid] ?? 0; at < (offsets[uid + 1] ?? 0); at++) yield [uids[at] ?? 0, values[at] ?? 0]
}

/** @throws NodeError LEDGER_NOT_FOUND when the uid was not taken in that epoch */
export function explain({ summary, hotkeys, input, output, payouts }: EpochRecord, uid: number): EmissionExplanation {
  const hotkey = hotkeys[uid]
  if (hotkey === undefined) throw new NodeError('LEDGER_NOT_FOUND', { what: `uid ${uid} in epoch ${summary.epoch} of market ${summary.netuid}` })
  const shares = activeShares(input, output.active)
  const consensus = (output.consensus[uid] ?? 0) / ALL
  const votes: EmissionExplanation['votes'] = []
  for (let validator = 0; validator < input.n; validator++) {
    if (input.validatorPermit[validator] !== 1) continue
    const weight = rowOf(input, validator).get(uid)
    if (weight === undefined) continue
    votes.push({ uid: validator, hotkey: hotkeys[validator] ?? '', stakeShare: shares[validator] ?? 0, weight, clipped: Math.min(weight, consensus) })
  }
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
    votes,
    payouts: payouts.filter((payout) => payout.uid === uid).map(({ to, as, amount }) => ({ to, as, amount })),
  }
}

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
