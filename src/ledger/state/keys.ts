/**
 * Rows of keys: made when first needed, gone 1,000 blocks after the last use when they hold neither money nor uid. To sign is a
 * use, and for a hotkey also to lose its last stake: who stakes again soon finds it as it was.
 */
import { EXPIRY_BLOCKS_MAX } from '../../protocol/ledger-limits.ts'
import { claimRow, releaseRow } from './keyed.ts'
import { USE_SLOTS } from './state.ts'
import type { State } from './state.ts'
import type { Work } from './work.ts'

/** The row of a coldkey, made where there is none. */
export function accountRow(work: Work, key: Uint8Array): number {
  const { state } = work
  const { accounts } = state
  work.writes++
  return (
    state.account(key) ??
    claimRow(accounts, state.index.accounts, key, (length) => {
      accounts.free.resize(length)
      accounts.locked.resize(length)
    })
  )
}

/** A row for a hotkey that has none, owned by an account. */
export function newHotkeyRow(work: Work, key: Uint8Array, owner: number): number {
  const { hotkeys, index, counts } = work.state
  work.writes++
  const row = claimRow(hotkeys, index.hotkeys, key, (length) => {
    for (const column of [hotkeys.owner, hotkeys.take, hotkeys.takeRaisedAt]) column.resize(length)
    hotkeys.stake.resize(length)
    hotkeys.delegate.resize(length)
  })
  hotkeys.owner.set(row, owner)
  counts.owned.put(owner, counts.owned.get(owner) + 1)
  return row
}

/** Remembers that a key was used in this block, so that its rows stay for a thousand more. Returns the row of its nonce. */
export function markUse(work: Work, key: Uint8Array): number {
  const { state } = work
  const { signers } = state
  const row =
    state.signer(key) ??
    claimRow(signers, state.index.signers, key, (length) => {
      signers.nonce.resize(length)
      signers.lastUsed.resize(length)
    })
  signers.lastUsed.set(row, work.height)
  const slot = work.height % USE_SLOTS
  state.uses[slot] = [...(state.uses[slot] ?? []), row]
  return row
}

/** A key has signed a transaction that counts: its nonce goes up by one. */
export function useNonce(work: Work, key: Uint8Array): void {
  const { nonce } = work.state.signers
  const row = markUse(work, key)
  nonce.set(row, nonce.get(row) + 1n)
}

/** The uses of a block that is loaded or begins. */
export function rememberUses(state: State): void {
  const { key, lastUsed } = state.signers
  for (let row = 0; row < key.length; row++) {
    const slot = lastUsed.get(row) % USE_SLOTS
    if (lastUsed.get(row) + EXPIRY_BLOCKS_MAX > state.height) state.uses[slot] = [...(state.uses[slot] ?? []), row]
  }
}

/** At a block's end: takes away the rows that nothing needs any more. By row number, so that no history shows. */
export function expireRows(work: Work): void {
  const { state, height } = work
  const { signers, accounts, hotkeys } = state
  const horizon = height - EXPIRY_BLOCKS_MAX
  const isRecent = (key: Uint8Array): boolean => {
    const row = state.signer(key)
    return row !== undefined && signers.lastUsed.get(row) > horizon
  }
  const idle = (state.uses[(height + 1) % USE_SLOTS] ?? []).filter((row) => signers.lastUsed.get(row) === horizon)
  const keys = horizon > 0 ? idle.map((row) => signers.key.get(row)) : []
  const owners = new Set<number>()
  for (const row of rowsOf([...keys.map((key) => state.hotkey(key)), ...work.bereft])) {
    const key = hotkeys.key.get(row)
    if (state.counts.uids.get(row) > 0 || hotkeys.stake.get(row) > 0n || isRecent(key)) continue
    keys.push(key)
    owners.add(hotkeys.owner.get(row))
    releaseHotkey(state, row)
  }
  for (const row of rowsOf([...keys.map((key) => state.account(key)), ...owners])) {
    const key = accounts.key.get(row)
    const hasMoney = accounts.free.get(row) > 0n || accounts.locked.get(row) > 0n || state.stakes.hasColdkey(row)
    if (hasMoney || state.counts.owned.get(row) > 0 || isRecent(key)) continue
    keys.push(key)
    releaseRow(accounts, state.index.accounts, row)
  }
  for (const row of rowsOf(keys.map((key) => state.signer(key)))) {
    const key = signers.key.get(row)
    if (isRecent(key) || state.account(key) !== undefined || state.hotkey(key) !== undefined) continue
    signers.nonce.set(row, 0n)
    signers.lastUsed.set(row, 0)
    releaseRow(signers, state.index.signers, row)
  }
}

const rowsOf = (rows: (number | undefined)[]): number[] => [...new Set(rows.filter((row) => row !== undefined))].sort((a, b) => a - b)

function releaseHotkey(state: State, row: number): void {
  const { hotkeys, index, counts } = state
  const owner = hotkeys.owner.get(row)
  counts.owned.put(owner, counts.owned.get(owner) - 1)
  for (const column of [hotkeys.owner, hotkeys.take, hotkeys.takeRaisedAt]) column.set(row, 0)
  hotkeys.delegate.set(row, false)
  releaseRow(hotkeys, index.hotkeys, row)
}
