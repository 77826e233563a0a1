/** The one place where amounts move: everything that one purse loses another gains, and none goes below zero. */
import { ISSUANCE_MAX_RAO } from '../../protocol/amounts.ts'
import { NodeError } from '../../protocol/errors.ts'
import type { Market } from './market.ts'
import type { Work } from './work.ts'

/** `issuance` is where new tokens come from and burned ones go. */
export type Purse =
  | { kind: 'account'; row: number }
  | { kind: 'stake'; hotkey: number; coldkey: number }
  | { kind: 'pending'; market: Market }
  | { kind: 'treasury' }
  | { kind: 'issuance' }

export const treasury: Purse = { kind: 'treasury' }
export const issuance: Purse = { kind: 'issuance' }
export const account = (row: number): Purse => ({ kind: 'account', row })

/** Moves an amount from one purse to another. @throws NodeError LEDGER_INVARIANT when the first has less: callers ask before */
export function move(work: Work, from: Purse, to: Purse, amount: bigint): void {
  if (amount === 0n) return
  if (amount < 0n) throw broken(work, `a movement of ${amount} rao`)
  work.writes++
  change(work, from, -amount)
  change(work, to, amount)
}

const broken = (work: Work, detail: string): NodeError => new NodeError('LEDGER_INVARIANT', { id: 'I1', height: work.height, detail })

function change(work: Work, purse: Purse, by: bigint): void {
  const { state, touched } = work
  const { head } = state.chain
  const next = (value: bigint): bigint => {
    if (value + by < 0n) throw broken(work, `${purse.kind} of ${value} rao loses ${-by} rao`)
    return value + by
  }
  switch (purse.kind) {
    case 'account':
      touched.accounts.add(purse.row)
      return state.accounts.free.set(purse.row, next(state.accounts.free.get(purse.row)))
    case 'stake': {
      const { hotkey, coldkey } = purse
      touched.hotkeys.add(hotkey)
      const pairs = touched.pairs.get(hotkey) ?? new Set()
      touched.pairs.set(hotkey, pairs.add(coldkey))
      state.stakes.set(hotkey, coldkey, next(state.stakes.get(hotkey, coldkey)))
      state.hotkeys.stake.set(hotkey, next(state.hotkeys.stake.get(hotkey)))
      return head.set({ totalStake: next(head.value.totalStake) })
    }
    case 'pending': {
      const market = purse.market.parts.head
      return market.set({ pending: next(market.value.pending) })
    }
    case 'treasury':
      return head.set({ treasury: next(head.value.treasury) })
    case 'issuance': {
      // Seen from outside: what leaves this purse exists from now on.
      const { issuance, emitted, burned } = head.value
      if (issuance - by > ISSUANCE_MAX_RAO || issuance < by) throw broken(work, `an issuance of ${issuance - by} rao`)
      return head.set({ issuance: issuance - by, ...(by < 0n ? { emitted: emitted - by } : { burned: burned + by }) })
    }
  }
}

/** A free balance that is below the existential deposit goes to the treasury. */
export function sweepDust(work: Work, row: number): void {
  const free = work.state.accounts.free.get(row)
  if (free < work.parameters.existentialDeposit) move(work, account(row), treasury, free)
}
