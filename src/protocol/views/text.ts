/** How values look in JSON: addresses as SS58, hashes as hex, amounts in rao as decimal strings. */
import { Type, type Static, type TSchema } from 'typebox'
import { fromHex, type Hex } from '../bytes.ts'
import { encodeSs58 } from '../ss58.ts'

export const Address = Type.String({
  minLength: 46,
  maxLength: 50,
  pattern: '^[1-9A-HJ-NP-Za-km-z]+$',
  description: 'SS58 address, prefix 42.',
})
export const Hash = Type.String({ pattern: '^[0-9a-f]{64}$', description: '32 bytes, lower-case hex.' })
export const Amount = Type.String({ pattern: '^(0|[1-9][0-9]{0,19})$', description: 'rao (10⁻⁹ τ), decimal.' })
export const Count = Type.Integer({ minimum: 0 })
export const U16 = Type.Integer({ minimum: 0, maximum: 65_535 })
export const Nullable = <T extends TSchema>(schema: T) => Type.Union([schema, Type.Null()])

export const address = (key: Hex): string => encodeSs58(fromHex(key))
export const amount = (rao: bigint): string => rao.toString()

/** Every error answer: a stable code, one line, and what a client may do. */
export const ErrorView = Type.Object({
  error: Type.Object({ code: Type.String(), message: Type.String(), retry: Type.String() }),
})
export type ErrorView = Static<typeof ErrorView>
