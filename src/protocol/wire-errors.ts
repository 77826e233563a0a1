/** Error numbers on the wire (wire.md 1.7) and the rows of `errors` they stand for; a number is never reused. */
import { errors, NodeError } from './errors.ts'
import type { ErrorCode } from './errors.ts'

export const wireNumbers = {
  WIRE_MALFORMED: 1,
  WIRE_UNSUPPORTED: 2,
  WIRE_WRONG_CHAIN: 3,
  WIRE_WRONG_TARGET: 4,
  WIRE_UNAUTHENTICATED: 5,
  WIRE_REPLAY: 6,
  WIRE_CLOCK: 7,
  WIRE_FORBIDDEN: 8,
  WIRE_NOT_FOUND: 9,
  WIRE_DEADLINE: 10,
  WIRE_TOO_LARGE: 11,
  WIRE_RATE_LIMITED: 12,
  WIRE_BUSY: 13,
  WIRE_SHUTTING_DOWN: 14,
  WIRE_INTERNAL: 15,
  WIRE_ENGINE_FAILED: 16,
} as const satisfies Partial<Record<ErrorCode, number>>
export type WireCode = keyof typeof wireNumbers

/** Which wire error a handler's failure becomes when its code is none of the sixteen: by its HTTP status. */
const byStatus: Readonly<Record<number, WireCode>> = {
  400: 'WIRE_MALFORMED',
  401: 'WIRE_UNAUTHENTICATED',
  403: 'WIRE_FORBIDDEN',
  404: 'WIRE_NOT_FOUND',
  408: 'WIRE_DEADLINE',
  413: 'WIRE_TOO_LARGE',
  429: 'WIRE_RATE_LIMITED',
  502: 'WIRE_ENGINE_FAILED',
  503: 'WIRE_BUSY',
}
const byNumber = new Map<number, WireCode>(Object.entries(wireNumbers).map(([code, number]) => [number, code as WireCode]))

export const isWireCode = (code: string): code is WireCode => Object.hasOwn(wireNumbers, code)

/** The wire error that tells a peer of `error`; what was not thrown on purpose is `WIRE_INTERNAL`. */
export function wireCodeOf(error: unknown): WireCode {
  if (!(error instanceof NodeError)) return 'WIRE_INTERNAL'
  return isWireCode(error.code) ? error.code : (byStatus[errors[error.code].http] ?? 'WIRE_INTERNAL')
}

/** The code of a number from a peer; an unknown number is a failure of the peer. */
export const wireCodeOfNumber = (number: number): WireCode => byNumber.get(number) ?? 'WIRE_INTERNAL'

/** Printable ASCII, at most 256 characters: all that may stand in an error's detail. */
export const wireDetail = (text: string): string => text.replace(/[^\x20-\x7e]/g, '?').slice(0, 256)
