/** Amounts: unsigned 64-bit rao as `bigint`, 1 τ = 10⁹ rao. In JSON decimal strings; never a `number`, never a float. */
import { U64_MAX } from './bytes.ts'
import { NodeError } from './errors.ts'

/** 1 τ. */
export const RAO_PER_TAU = 1_000_000_000n
/** All there will ever be: 21 million τ. */
export const ISSUANCE_MAX_RAO = 21_000_000n * RAO_PER_TAU

const DECIMAL = /^(0|[1-9][0-9]{0,19})$/
const TAU = /^(0|[1-9][0-9]{0,10})(?:\.([0-9]{1,9}))?$/

/** A u64 of its decimal string: no sign, no leading zero, no exponent (reliability.md T15). @throws NodeError LEDGER_AMOUNT */
export function parseU64(text: string): bigint {
  const value = DECIMAL.test(text) ? BigInt(text) : -1n
  if (value < 0n || value > U64_MAX) throw new NodeError('LEDGER_AMOUNT', { detail: 'expected an unsigned 64-bit integer in decimal' })
  return value
}

/** rao of an amount in τ as people write it, `12.5`; at most nine decimals. @throws NodeError LEDGER_AMOUNT */
export function parseTau(text: string): bigint {
  const match = TAU.exec(text)
  if (!match) throw new NodeError('LEDGER_AMOUNT', { detail: 'expected τ as a decimal number with at most nine decimals' })
  const rao = BigInt(match[1] ?? '0') * RAO_PER_TAU + BigInt((match[2] ?? '').padEnd(9, '0'))
  if (rao > U64_MAX) throw new NodeError('LEDGER_AMOUNT', { detail: 'more than 64 bits of rao' })
  return rao
}

/** An amount in τ without trailing zeros: 1500000000n gives `1.5`. */
export function formatTau(rao: bigint): string {
  const fraction = (rao % RAO_PER_TAU).toString().padStart(9, '0').replace(/0+$/, '')
  return `${rao / RAO_PER_TAU}${fraction && `.${fraction}`}`
}
