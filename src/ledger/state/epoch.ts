/** The end of a market's epoch: weights and stakes become scores (consensus-scoring.md), scores become stake. */
import { NodeError } from '../../protocol/errors.ts'
import type { EpochInput, EpochOutput, SparseRows } from '../../protocol/ports/compute.ts'
import type { EpochSummary } from '../../protocol/ports/ledger.ts'
import type { Market } from './market.ts'
import type { EpochRecord, Payout } from './epoch-record.ts'
import { move } from './money.ts'
import type { Rows } from './rows.ts'
import { keyText } from './state.ts'
import { emptyUnrevealed, readPairs, writePairs } from './weights.ts'
import type { Work } from './work.ts'

const ALL = 65_535n

function sparse(rows: Rows, n: number): SparseRows {
  const offsets = new Uint32Array(n + 1)
  for (let uid = 0; uid < n; uid++) offsets[uid + 1] = (offsets[uid] ?? 0) + rows.get(uid).length / 4
  const uids = new Uint16Array(offsets[n] ?? 0)
  const values = new Uint16Array(uids.length)
  for (let uid = 0; uid < n; uid++) {
    const row = rows.get(uid)
    if (row.length === 0) continue
    const pairs = readPairs(row)
    uids.set(pairs.uids, offsets[uid])
    values.set(pairs.values, offsets[uid])
  }
  return { offsets, uids, values }
}

function inputOf(work: Work, market: Market): EpochInput {
  const { parts, parameters, size: n } = market
  const { hotkeys } = work.state
  const stake = new BigUint64Array(n)
  const lastUpdate = new BigUint64Array(n)
  const blockAtRegistration = new BigUint64Array(n)
  const validatorPermit = new Uint8Array(n)
  for (let uid = 0; uid < n; uid++) {
    stake[uid] = hotkeys.stake.get(parts.hotkey.get(uid))
    lastUpdate[uid] = BigInt(parts.lastUpdate.get(uid))
    blockAtRegistration[uid] = BigInt(parts.registeredAt.get(uid))
    validatorPermit[uid] = parts.permit.get(uid) ? 1 : 0
  }
  return {
    n,
    stake,
    weights: sparse(parts.weights, n),
    bonds: sparse(parts.bonds, n),
    lastUpdate,
    blockAtRegistration,
    validatorPermit,
    block: BigInt(work.height),
    activityCutoff: parameters.activityCutoff,
    kappa: parameters.kappa,
    bondsMovingAverage: parameters.bondsMovingAverage,
    maxAllowedValidators: parameters.validatorsMax,
    emission: parts.head.value.pending,
  }
}

function store(market: Market, input: EpochInput, output: EpochOutput): void {
  const { parts, size } = market
  for (let uid = 0; uid < size; uid++) {
    for (const name of ['rank', 'trust', 'consensus', 'incentive', 'dividends', 'validatorTrust'] as const)
      parts[name].set(uid, output[name][uid] ?? 0)
    parts.pruningScore.set(uid, output.pruningScores[uid] ?? 0)
    parts.stakeAtEpoch.set(uid, input.stake[uid] ?? 0n)
    parts.emission.set(uid, (output.serverEmission[uid] ?? 0n) + (output.validatorEmission[uid] ?? 0n))
    parts.permit.set(uid, output.validatorPermit[uid] === 1)
    parts.active.set(uid, output.active[uid] === 1)
    const { offsets, uids, values } = output.bonds
    const [from, to] = [offsets[uid] ?? 0, offsets[uid + 1] ?? 0]
    const row = writePairs(uids.subarray(from, to), values.subarray(from, to))
    // An unchanged row keeps its root.
    if (Buffer.compare(row, parts.bonds.get(uid)) !== 0) parts.bonds.set(uid, row)
  }
}

/** Pays a hotkey: its owner for serving; for validating first the owner's take, then all who staked, pro rata, the rest to the owner. */
function pay(work: Work, market: Market, uid: number, served: bigint, validated: bigint, payouts: Payout[]): void {
  const { state } = work
  const row = market.parts.hotkey.get(uid)
  const owner = state.hotkeys.owner.get(row)
  const total = state.hotkeys.stake.get(row)
  const stakers = validated > 0n ? state.stakes.ofHotkey(row) : []
  const give = (coldkey: number, as: Payout['as'], amount: bigint): void => {
    if (amount === 0n) return
    move(work, { kind: 'pending', market }, { kind: 'stake', hotkey: row, coldkey }, amount)
    payouts.push({ uid, to: keyText(state.accounts, coldkey), as, amount })
  }
  give(owner, 'miner', served)
  const take = state.hotkeys.delegate.get(row) ? (validated * BigInt(state.hotkeys.take.get(row))) / ALL : 0n
  const shared = validated - take
  let left = shared
  for (const { coldkey, amount } of stakers) {
    if (coldkey === owner || total === 0n) continue
    const part = (shared * amount) / total
    give(coldkey, 'delegation', part)
    left -= part
  }
  give(owner, 'take', take)
  give(owner, 'validator', left)
}

/** Runs a market's epoch where one ends at this block. What cannot be divided waits for the next. */
export function endEpoch(work: Work, market: Market): EpochRecord | undefined {
  if (!market.epochEndsAt(work.height)) return undefined
  const { parts, netuid } = market
  emptyUnrevealed(market)
  const input = inputOf(work, market)
  const output = work.parts.consensus.epoch(input)
  store(market, input, output)
  const payouts: Payout[] = []
  for (let uid = 0; uid < market.size; uid++)
    pay(work, market, uid, output.serverEmission[uid] ?? 0n, output.validatorEmission[uid] ?? 0n, payouts)
  const { epoch, pending } = parts.head.value
  const paid = payouts.reduce((sum, { amount }) => sum + amount, 0n)
  if (paid + pending !== input.emission)
    throw new NodeError('LEDGER_INVARIANT', {
      id: 'I4',
      height: work.height,
      detail: `market ${netuid} paid ${paid} and kept ${pending} of ${input.emission}`,
    })
  parts.head.set({ epoch: epoch + 1 })
  const miners = output.serverEmission.filter((amount) => amount > 0n).length
  const validators = output.validatorEmission.filter((amount) => amount > 0n).length
  const byWeights = miners > 0
  work.events.push({ type: 'epoch', netuid, epoch: BigInt(epoch), paid, miners, validators, byWeights })
  const active = output.active.reduce((sum, flag) => sum + flag, 0)
  const summary: EpochSummary = { netuid, epoch: BigInt(epoch), height: work.height, emission: input.emission, paid, byWeights, active }
  const hotkeys = Array.from({ length: market.size }, (_, uid) => keyText(work.state.hotkeys, parts.hotkey.get(uid)))
  return { summary, hotkeys, payouts, input, output }
}
