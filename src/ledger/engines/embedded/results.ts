/** What a block did, as bytes beside it in the store: JSON in which an amount is `{"$rao":"decimal"}`. Never hashed, never sent. */
import { NodeError } from '../../../protocol/errors.ts'
import type { LedgerEvent, Receipt } from '../../../protocol/ports/ledger.ts'

export interface Results {
  receipts: Receipt[]
  events: LedgerEvent[]
}

const AMOUNT = '$rao'
const isAmount = (value: unknown): value is { [AMOUNT]: string } =>
  typeof value === 'object' && value !== null && AMOUNT in value && typeof value[AMOUNT] === 'string'

/** JSON bytes of a value made of plain objects, arrays, text, finite numbers and bigints. */
export const encodeValue = (value: unknown): Uint8Array =>
  Buffer.from(JSON.stringify(value, (_key, part: unknown) => (typeof part === 'bigint' ? { [AMOUNT]: part.toString() } : part)))

/** The value again; it came from this program's own store, whose checksum held. @throws NodeError LEDGER_STATE when it is no JSON */
export function decodeValue(bytes: Uint8Array): unknown {
  try {
    const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8')
    return JSON.parse(text, (_key, part: unknown) => (isAmount(part) ? BigInt(part[AMOUNT]) : part))
  } catch (error) {
    throw new NodeError('LEDGER_STATE', { detail: 'stored results cannot be read' }, { cause: error })
  }
}
