/**
 * What production itself checks (reliability.md T08): after each block I2 to I4 in full and I1, I5 on what changed, by comparing
 * the stored values of both states; of a loaded state I1 to I5 in full. A breach ends the process: nothing can be served.
 */
import { ISSUANCE_MAX_RAO } from '../../protocol/amounts.ts'
import { NodeError } from '../../protocol/errors.ts'
import { blockEmission } from './emission.ts'
import { isZero } from './keyed.ts'
import type { State } from './state.ts'
import type { Work } from './work.ts'

function demand(holds: boolean, id: string, height: number, detail: string): void {
  if (!holds) throw new NodeError('LEDGER_INVARIANT', { id, height, detail })
}

const pendingOf = (state: State): bigint => state.markets.reduce((sum, market) => sum + market.parts.head.value.pending, 0n)

/** @throws NodeError LEDGER_INVARIANT */
export function checkBlock({ before, state, height, touched }: Work, emission: bigint): void {
  const [was, is] = [before.chain.head.value, state.chain.head.value]
  demand(is.issuance <= ISSUANCE_MAX_RAO, 'I2', height, `issuance ${is.issuance}`)
  demand(
    is.issuance === is.genesisIssuance + is.emitted - is.burned,
    'I2',
    height,
    `issuance ${is.issuance}, emitted ${is.emitted}, burned ${is.burned}`,
  )
  const burned = is.burned - was.burned
  demand(emission === blockEmission(was.issuance - burned), 'I3', height, `emission ${emission} at issuance ${was.issuance} less ${burned}`)
  demand(is.emitted - was.emitted === emission, 'I3', height, `${is.emitted - was.emitted} emitted of ${emission}`)
  let moved = is.treasury - was.treasury + pendingOf(state) - pendingOf(before) + is.totalStake - was.totalStake
  for (const row of touched.accounts) {
    const value = (of: State): bigint => of.accounts.free.get(row) + of.accounts.locked.get(row)
    moved += value(state) - value(before)
  }
  demand(moved === is.issuance - was.issuance, 'I1', height, `purses moved by ${moved}, issuance by ${is.issuance - was.issuance}`)
  let staked = 0n
  for (const row of touched.hotkeys) {
    const change = state.hotkeys.stake.get(row) - before.hotkeys.stake.get(row)
    let pairs = 0n
    for (const coldkey of touched.pairs.get(row) ?? []) pairs += state.stakes.get(row, coldkey) - before.stakes.get(row, coldkey)
    demand(pairs === change, 'I5', height, `stakes behind a hotkey moved by ${pairs}, its stake by ${change}`)
    staked += change
  }
  demand(
    staked === is.totalStake - was.totalStake,
    'I5',
    height,
    `hotkeys moved by ${staked}, the total by ${is.totalStake - was.totalStake}`,
  )
}

/** @throws NodeError LEDGER_INVARIANT */
export function checkWhole(state: State): void {
  const { accounts, hotkeys, stakes, chain, height } = state
  const head = chain.head.value
  let held = 0n
  for (let row = 0; row < accounts.key.length; row++) held += accounts.free.get(row) + accounts.locked.get(row)
  const sums = new Map<number, bigint>()
  let total = 0n
  for (let row = 0; row < stakes.parts.amount.length; row++) {
    const hotkey = stakes.parts.hotkey.get(row)
    const amount = stakes.parts.amount.get(row)
    sums.set(hotkey, (sums.get(hotkey) ?? 0n) + amount)
    total += amount
  }
  for (let row = 0; row < hotkeys.key.length; row++) {
    const stake = hotkeys.stake.get(row)
    demand(stake === (sums.get(row) ?? 0n), 'I5', height, `hotkey ${row} has ${stake}, its stakes ${sums.get(row) ?? 0n}`)
    demand(stake === 0n || !isZero(hotkeys.key.get(row)), 'I5', height, `the empty row ${row} has stake`)
  }
  demand(total === head.totalStake, 'I5', height, `stakes of ${total}, total ${head.totalStake}`)
  demand(
    held + total + pendingOf(state) + head.treasury === head.issuance,
    'I1',
    height,
    `purses do not hold the issuance of ${head.issuance}`,
  )
  demand(head.issuance === head.genesisIssuance + head.emitted - head.burned, 'I2', height, `issuance ${head.issuance}`)
  demand(head.issuance <= ISSUANCE_MAX_RAO, 'I2', height, `issuance ${head.issuance}`)
}
