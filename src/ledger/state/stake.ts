/** Stake behind hotkeys: adding, removing and moving it, and the delegates that take it from others. */
import { toHex } from '../../protocol/bytes.ts'
import { NodeError } from '../../protocol/errors.ts'
import { payer, requireExistential } from './accounts.ts'
import type { ActionOf } from './accounts.ts'
import { markUse } from './keys.ts'
import { account, move, sweepDust } from './money.ts'
import type { Purse } from './money.ts'
import type { Handler, SignedBy, Work } from './work.ts'

/** @throws NodeError LEDGER_HOTKEY_UNKNOWN */
function hotkeyRow(work: Work, hotkey: Uint8Array): number {
  const row = work.state.hotkey(hotkey)
  if (row === undefined) throw new NodeError('LEDGER_HOTKEY_UNKNOWN', { hotkey: toHex(hotkey) })
  return row
}

/** A hotkey behind which the signer may stake: its own, or a delegate. */
function stakeTarget(work: Work, hotkey: Uint8Array, signer: SignedBy): number {
  const row = hotkeyRow(work, hotkey)
  const { owner, delegate } = work.state.hotkeys
  if (owner.get(row) !== signer.account && !delegate.get(row)) throw new NodeError('LEDGER_NOT_DELEGATE', { hotkey: toHex(hotkey) })
  return row
}

/** What the signer can take away behind a hotkey: all of it, or so much that no dust stays. */
function stakeSource(work: Work, hotkey: Uint8Array, signer: SignedBy, amount: bigint): { row: number; purse: Purse; coldkey: number } {
  const row = hotkeyRow(work, hotkey)
  const coldkey = signer.account
  const stake = coldkey === undefined ? 0n : work.state.stakes.get(row, coldkey)
  if (amount === 0n) throw new NodeError('LEDGER_AMOUNT_ZERO')
  if (coldkey === undefined || stake < amount) throw new NodeError('LEDGER_STAKE', { amount, stake })
  if (stake > amount) requireExistential(work, stake - amount)
  return { row, coldkey, purse: { kind: 'stake', hotkey: row, coldkey } }
}

export const addStake: Handler<ActionOf<'add_stake'>> = (work, { hotkey, amount }, signer) => {
  const coldkey = payer(work, signer, amount)
  const row = stakeTarget(work, hotkey, signer)
  requireExistential(work, work.state.stakes.get(row, coldkey) + amount)
  return () => {
    move(work, account(coldkey), { kind: 'stake', hotkey: row, coldkey }, amount)
    sweepDust(work, coldkey)
    work.events.push({ type: 'staked', coldkey: signer.hex, hotkey: toHex(hotkey), amount })
  }
}

export const removeStake: Handler<ActionOf<'remove_stake'>> = (work, { hotkey, amount }, signer) => {
  const { row, purse, coldkey } = stakeSource(work, hotkey, signer, amount)
  requireExistential(work, work.state.accounts.free.get(coldkey) + amount)
  return () => {
    move(work, purse, account(coldkey), amount)
    if (work.state.hotkeys.stake.get(row) === 0n) markUse(work, hotkey)
    work.events.push({ type: 'unstaked', coldkey: signer.hex, hotkey: toHex(hotkey), amount })
  }
}

export const moveStake: Handler<ActionOf<'move_stake'>> = (work, { from, to, amount }, signer) => {
  const { row, purse, coldkey } = stakeSource(work, from, signer, amount)
  const target = stakeTarget(work, to, signer)
  if (target === row) throw new NodeError('LEDGER_SELF')
  requireExistential(work, work.state.stakes.get(target, coldkey) + amount)
  return () => {
    move(work, purse, { kind: 'stake', hotkey: target, coldkey }, amount)
    if (work.state.hotkeys.stake.get(row) === 0n) markUse(work, from)
    work.events.push({ type: 'unstaked', coldkey: signer.hex, hotkey: toHex(from), amount })
    work.events.push({ type: 'staked', coldkey: signer.hex, hotkey: toHex(to), amount })
  }
}

/** A hotkey of the signer, which may have this take. */
function ownedHotkey(work: Work, hotkey: Uint8Array, signer: SignedBy, take: number): number {
  const row = hotkeyRow(work, hotkey)
  if (work.state.hotkeys.owner.get(row) !== signer.account) throw new NodeError('LEDGER_HOTKEY_FOREIGN', { hotkey: toHex(hotkey) })
  const maximum = work.parameters.takeMax
  if (take > maximum) throw new NodeError('LEDGER_TAKE_TOO_HIGH', { take, maximum })
  return row
}

export const becomeDelegate: Handler<ActionOf<'become_delegate'>> = (work, { hotkey, take }, signer) => {
  const row = ownedHotkey(work, hotkey, signer, take)
  const { hotkeys } = work.state
  if (hotkeys.delegate.get(row)) throw new NodeError('LEDGER_ALREADY_DELEGATE', { hotkey: toHex(hotkey) })
  return () => {
    work.writes++
    hotkeys.delegate.set(row, true)
    hotkeys.take.set(row, take)
    hotkeys.takeRaisedAt.set(row, work.height)
    work.events.push({ type: 'take_set', hotkey: toHex(hotkey), take })
  }
}

/** Lowers a take at any time, raises it at most once per period, so that stakers can leave first. */
export const setTake: Handler<ActionOf<'set_take'>> = (work, { hotkey, take }, signer) => {
  const row = ownedHotkey(work, hotkey, signer, take)
  const { hotkeys } = work.state
  if (!hotkeys.delegate.get(row)) throw new NodeError('LEDGER_NOT_DELEGATE', { hotkey: toHex(hotkey) })
  const raises = take > hotkeys.take.get(row)
  const height = hotkeys.takeRaisedAt.get(row) + work.parameters.takeIntervalBlocks
  if (raises && work.height < height) throw new NodeError('LEDGER_TAKE_RAISED', { height })
  return () => {
    work.writes++
    hotkeys.take.set(row, take)
    if (raises) hotkeys.takeRaisedAt.set(row, work.height)
    work.events.push({ type: 'take_set', hotkey: toHex(hotkey), take })
  }
}
