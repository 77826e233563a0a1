/** The invariants of reliability.md section 5 that a ledger of accounts, stakes and markets must keep, asked of its answers alone. */
import { blockEmission } from '../../src/ledger/state/emission.ts'
import type { Applied } from '../../src/ledger/state/apply.ts'
import { queries } from '../../src/ledger/state/queries.ts'
import type { State } from '../../src/ledger/state/state.ts'
import { ISSUANCE_MAX_RAO } from '../../src/protocol/amounts.ts'
import { toHex } from '../../src/protocol/bytes.ts'
import type { Hex } from '../../src/protocol/bytes.ts'

class BrokenLaw extends Error {}
function law(holds: boolean, id: string, detail: () => string): void {
  if (!holds) throw new BrokenLaw(`${id}: ${detail()}`)
}

export interface Sums {
  free: bigint
  staked: bigint
  pending: bigint
  treasury: bigint
  issuance: bigint
}

/** All that is held, by adding up every row there is. */
export function sumsOf(state: State): Sums {
  const keys = state.accounts.key
  let free = 0n
  let staked = 0n
  for (let row = 0; row < keys.length; row++) {
    const account = queries.account(state, toHex(keys.get(row)))
    free += account.free + account.locked
    for (const { amount } of account.stakes) staked += amount
  }
  const pending = queries.markets(state).reduce((sum, market) => sum + market.pendingEmission, 0n)
  const { treasury, issuance, totalStake } = queries.head(state)
  law(staked === totalStake, 'I5', () => `stakes of ${staked}, total ${totalStake}`)
  return { free, staked, pending, treasury, issuance }
}

/** Checks a state and the block that led to it. Throws naming the invariant. */
export function checkLaws(before: State, applied: Applied): void {
  const { state } = applied
  const [was, is] = [queries.head(before), queries.head(state)]
  const sums = sumsOf(state)
  law(sums.free + sums.staked + sums.pending + sums.treasury === sums.issuance, 'I1', () => JSON.stringify(sums, text))
  const burned = applied.events.reduce((sum, event) => (event.type === 'registered' ? sum + event.burned : sum), 0n)
  const emission = blockEmission(was.issuance - burned)
  law(
    is.issuance === was.issuance - burned + emission,
    'I3',
    () => `issuance ${was.issuance} to ${is.issuance}, burned ${burned}, emission ${emission}`,
  )
  law(is.issuance <= ISSUANCE_MAX_RAO, 'I2', () => `${is.issuance}`)
  for (const { summary, payouts } of applied.epochs) {
    const paid = payouts.reduce((sum, { amount }) => sum + amount, 0n)
    const kept = queries.market(state, summary.netuid).pendingEmission
    law(paid === summary.paid && paid + kept === summary.emission, 'I4', () => `${summary.emission} became ${paid} and ${kept}`)
  }
  checkHotkeys(state)
  checkMarkets(before, state)
  checkNonces(before, applied)
}
const text = (_: string, value: unknown): unknown => (typeof value === 'bigint' ? value.toString() : value)

function checkHotkeys(state: State): void {
  const { key, vacant } = state.hotkeys
  let alive = 0
  for (let row = 0; row < key.length; row++) {
    const hotkey = toHex(key.get(row))
    if (hotkey === '0'.repeat(64)) continue
    alive++
    const { stake, delegations } = queries.hotkey(state, hotkey)
    law(stake === delegations.reduce((sum, { amount }) => sum + amount, 0n), 'I5', () => `${hotkey} has ${stake}`)
  }
  law(alive + vacant.length === key.length, 'I20', () => `${alive} alive, ${vacant.length} empty of ${key.length} rows`)
}

function checkMarkets(before: State, state: State): void {
  for (const market of queries.markets(state)) {
    const { netuid } = market
    const neurons = queries.neurons(state, netuid)
    law(new Set(neurons.map(({ hotkey }) => hotkey)).size === neurons.length, 'I9', () => `a hotkey has two uids in ${netuid}`)
    for (const { uid, hotkey } of neurons)
      law(queries.neuronOf(state, netuid, hotkey)?.uid === uid, 'I9', () => `${hotkey} is not found at ${uid}`)
    law(neurons.length <= market.neuronsMax, 'I20', () => `${neurons.length} neurons in ${netuid}`)
    const bounds = state.market(netuid).parameters
    const earlier = queries.market(before, netuid)
    const step = (was: bigint, is: bigint, min: bigint, max: bigint): boolean =>
      is >= min && is <= max && is <= 2n * was && 2n * (is + 1n) >= was
    law(
      step(earlier.difficulty, market.difficulty, bounds.difficultyMin, bounds.difficultyMax),
      'I11',
      () => `${earlier.difficulty} to ${market.difficulty}`,
    )
    law(
      step(earlier.burnPrice, market.burnPrice, bounds.burnMin, bounds.burnMax),
      'I11',
      () => `${earlier.burnPrice} to ${market.burnPrice}`,
    )
    for (const row of queries.weights(state, netuid)) {
      const { uids, values } = row
      law(uids.length === values.length && uids.every((uid, i) => i === 0 || uid > (uids[i - 1] ?? uid)), 'I12', () => `row ${uids.join()}`)
      law(
        values.every((value) => value >= 0 && value <= 65_535) && uids.every((uid) => uid < neurons.length),
        'I12',
        () => `row ${values.join()}`,
      )
    }
  }
}

/** Every transaction that counts takes its signer's next nonce, and nothing else moves one. */
function checkNonces(before: State, applied: Applied): void {
  const used = new Map<Hex, bigint>()
  for (const { signer } of applied.receipts) used.set(signer, (used.get(signer) ?? 0n) + 1n)
  for (const [signer, count] of used) {
    const [was, is] = [queries.nonce(before, signer), queries.nonce(applied.state, signer)]
    law(is === was + count, 'I17', () => `${signer}: ${was} to ${is} by ${count}`)
  }
}
