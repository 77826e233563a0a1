/** Registration (ledger.md; wire.md 5.1): by proof of work or by burning, within caps, into a free or a pruned uid. */
import { toHex } from '../../protocol/bytes.ts'
import { NodeError } from '../../protocol/errors.ts'
import { SEAL_AGE_BLOCKS_MAX } from '../../protocol/ledger-limits.ts'
import { payer } from './accounts.ts'
import type { ActionOf } from './accounts.ts'
import { accountRow, newHotkeyRow } from './keys.ts'
import { keyText } from './state.ts'
import type { Market } from './market.ts'
import { account, issuance, move, sweepDust } from './money.ts'
import type { Handler, Work } from './work.ts'

/** Registrations of an interval may be this many times the target. */
const CAP_PER_TARGET = 3

/** The cheap questions first: whether this market takes this hotkey at all. `owner` is the account, where it exists. */
function requireOpen(work: Work, market: Market, hotkey: Uint8Array, owner: number | undefined): void {
  const { netuid, parameters } = market
  const { worked, burned } = market.parts.head.value
  if (!parameters.registrationAllowed) throw new NodeError('LEDGER_REGISTRATION_CLOSED', { netuid })
  const row = work.state.hotkey(hotkey)
  if (row !== undefined && work.state.hotkeys.owner.get(row) !== owner)
    throw new NodeError('LEDGER_HOTKEY_FOREIGN', { hotkey: toHex(hotkey) })
  const uid = row === undefined ? undefined : market.uidOf(row)
  if (uid !== undefined) throw new NodeError('LEDGER_REGISTERED', { hotkey: toHex(hotkey), uid, netuid })
  if ((work.registrations.get(netuid) ?? 0) >= parameters.registrationsPerBlock)
    throw new NodeError('LEDGER_REGISTRATION_CAP', { netuid, span: 'block' })
  if (worked + burned >= CAP_PER_TARGET * parameters.registrationTarget)
    throw new NodeError('LEDGER_REGISTRATION_CAP', { netuid, span: 'interval' })
  if (market.size >= parameters.neuronsMax && prunable(work, market) === undefined)
    throw new NodeError('LEDGER_NOTHING_PRUNABLE', { netuid })
}

/**
 * The uid that a full market gives up: past immunity, of the lowest pruning score, of these the oldest registration; a lower
 * uid only among registrations of one block, whose order nobody chooses. None while too few are past immunity.
 */
function prunable(work: Work, market: Market): number | undefined {
  const { pruningScore, registeredAt } = market.parts
  const { immunityPeriod, prunableFloor } = market.parameters
  let found: { uid: number; score: number; since: number } | undefined
  let candidates = 0
  for (let uid = 0; uid < market.size; uid++) {
    const since = registeredAt.get(uid)
    if (work.height - since < immunityPeriod) continue
    candidates++
    const score = pruningScore.get(uid)
    if (!found || score < found.score || (score === found.score && since < found.since)) found = { uid, score, since }
  }
  return candidates > prunableFloor ? found?.uid : undefined
}

/** Gives a hotkey a uid, clean of whoever had it before. */
function admit(work: Work, market: Market, row: number): { uid: number } {
  const { counts } = work.state
  const { parts, netuid } = market
  work.writes++
  let uid = market.size < market.parameters.neuronsMax ? undefined : prunable(work, market)
  if (uid === undefined) uid = market.grow()
  else {
    const gone = parts.hotkey.get(uid)
    market.name(gone, undefined)
    counts.uids.put(gone, counts.uids.get(gone) - 1)
    work.bereft.add(gone)
    market.clear(uid)
    work.events.push({ type: 'deregistered', netuid, uid, hotkey: keyText(work.state.hotkeys, gone) })
  }
  parts.hotkey.set(uid, row)
  parts.registeredAt.set(uid, work.height)
  parts.lastUpdate.set(uid, work.height)
  parts.active.set(uid, true)
  market.name(row, uid)
  counts.uids.put(row, counts.uids.get(row) + 1)
  work.registrations.set(netuid, (work.registrations.get(netuid) ?? 0) + 1)
  return { uid }
}

/** The seal of a registration: over a block of the window, strong enough, never used. @throws NodeError LEDGER_SEAL_* */
function requireSeal(work: Work, market: Market, action: ActionOf<'register'>, hotkey: Uint8Array): Uint8Array {
  const { head, seals } = work.state.chain
  const top = work.height - 1
  const age = BigInt(top) - action.block
  const blockHash = age >= 0n && age <= BigInt(SEAL_AGE_BLOCKS_MAX) ? head.value.recent[Number(age)] : undefined
  if (!blockHash) throw new NodeError('LEDGER_SEAL_STALE', { block: action.block, head: top })
  const { difficulty } = market.parts.head.value
  const { seals: found, meets } = work.parts.pow.verify({
    blockHashes: blockHash,
    hotkeys: hotkey,
    nonces: BigUint64Array.of(action.nonce),
    difficulties: BigUint64Array.of(difficulty),
  })
  if (meets[0] !== 1) throw new NodeError('LEDGER_SEAL_WEAK', { difficulty })
  const seal = found.slice(0, 32)
  if (seals.value.used.some((other) => Buffer.compare(other.seal, seal) === 0)) throw new NodeError('LEDGER_SEAL_USED')
  return seal
}

export const register: Handler<ActionOf<'register'>> = (work, action, signer) => {
  const market = work.state.market(action.netuid)
  requireOpen(work, market, signer.key, work.state.account(action.coldkey))
  const seal = requireSeal(work, market, action, signer.key)
  return () => {
    const { state } = work
    const row = signer.hotkey ?? newHotkeyRow(work, signer.key, accountRow(work, action.coldkey))
    const { uid } = admit(work, market, row)
    const { head } = market.parts
    head.set({ worked: head.value.worked + 1 })
    const { seals } = state.chain
    seals.set({ used: [...seals.value.used, { seal, block: Number(action.block) }] })
    work.events.push({ type: 'registered', netuid: market.netuid, uid, hotkey: signer.hex, coldkey: toHex(action.coldkey), burned: 0n })
  }
}

export const registerBurned: Handler<ActionOf<'register_burned'>> = (work, { netuid, hotkey, limit }, signer) => {
  const market = work.state.market(netuid)
  requireOpen(work, market, hotkey, signer.account)
  const price = market.parts.head.value.burnPrice
  if (price > limit) throw new NodeError('LEDGER_BURN_LIMIT', { price, limit })
  const coldkey = payer(work, signer, price)
  return () => {
    move(work, account(coldkey), issuance, price)
    sweepDust(work, coldkey)
    const row = work.state.hotkey(hotkey) ?? newHotkeyRow(work, hotkey, coldkey)
    const { uid } = admit(work, market, row)
    const { head } = market.parts
    head.set({ burned: head.value.burned + 1 })
    work.events.push({ type: 'registered', netuid, uid, hotkey: toHex(hotkey), coldkey: signer.hex, burned: price })
  }
}

/** At a block's beginning: seals whose block has left the window can come back no more. */
export function forgetSeals(work: Work): void {
  const { seals } = work.state.chain
  const oldest = work.height - 1 - SEAL_AGE_BLOCKS_MAX
  const used = seals.value.used.filter(({ block }) => block >= oldest)
  if (used.length !== seals.value.used.length) seals.set({ used })
}
