/** Free balances: transfer. */
import { NodeError } from '../../protocol/errors.ts'
import type { Action } from '../../protocol/ports/ledger.ts'
import { toHex } from '../../protocol/bytes.ts'
import { accountRow } from './keys.ts'
import { account, move, sweepDust } from './money.ts'
import type { Handler, SignedBy, Work } from './work.ts'

export type ActionOf<K extends Action['kind']> = Extract<Action, { kind: K }>

/** The signer's account, from which `amount` can be taken. @throws NodeError LEDGER_AMOUNT_ZERO, LEDGER_BALANCE */
export function payer(work: Work, signer: SignedBy, amount: bigint): number {
  const row = signer.account
  const free = row === undefined ? 0n : work.state.accounts.free.get(row)
  if (amount === 0n) throw new NodeError('LEDGER_AMOUNT_ZERO')
  if (row === undefined || free < amount) throw new NodeError('LEDGER_BALANCE', { amount, free })
  return row
}

/** Nothing may be left, or go anywhere, that is smaller than the existential deposit. @throws NodeError LEDGER_EXISTENTIAL */
export function requireExistential(work: Work, amount: bigint): void {
  const minimum = work.parameters.existentialDeposit
  if (amount < minimum) throw new NodeError('LEDGER_EXISTENTIAL', { amount, minimum })
}

/** Moves free balance; what the sender keeps below the existential deposit goes to the treasury. */
export const transfer: Handler<ActionOf<'transfer'>> = (work, { to, amount }, signer) => {
  const from = payer(work, signer, amount)
  const known = work.state.account(to)
  if (known === from) throw new NodeError('LEDGER_SELF')
  requireExistential(work, amount + (known === undefined ? 0n : work.state.accounts.free.get(known)))
  return () => {
    move(work, account(from), account(accountRow(work, to)), amount)
    sweepDust(work, from)
    work.events.push({ type: 'transferred', from: signer.hex, to: toHex(to), amount })
  }
}
