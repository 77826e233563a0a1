/** Error frames from errors, and errors from Error frames (wire.md 1.7). Both are hints, never evidence. */
import { utf8 } from '../protocol/bytes.ts'
import { NodeError } from '../protocol/errors.ts'
import type { WireError } from '../protocol/frames.ts'
import { isWireCode, wireCodeOf, wireCodeOfNumber, wireDetail, wireNumbers } from '../protocol/wire-errors.ts'

/** What a peer is told of `error`: its number, and of our own words only a code or a detail made for peers. */
export function errorFrame(error: unknown, nowMs: number): WireError {
  const told = error instanceof NodeError ? error : undefined
  const ownWords = told !== undefined && !isWireCode(told.code) ? told.code : (told?.data['detail'] ?? '')
  const retryAfterMs = told?.data['retryAfterMs']
  return {
    code: wireNumbers[wireCodeOf(error)],
    retryAfterMs: typeof retryAfterMs === 'number' ? Math.min(Math.max(0, Math.ceil(retryAfterMs)), 0xffff_ffff) : 0,
    clock: nowMs,
    detail: utf8(wireDetail(String(ownWords))),
  }
}

/** The error that a peer's frame tells of. */
export const frameError = (frame: WireError): NodeError =>
  new NodeError(wireCodeOfNumber(frame.code), {
    detail: wireDetail(Buffer.from(frame.detail).toString('latin1')),
    retryAfterMs: frame.retryAfterMs,
    peerClockMs: frame.clock,
  })

/** Whether an error is what a peer said, not what was found wrong with it. */
export const isPeersWord = (error: unknown): boolean => error instanceof NodeError && 'peerClockMs' in error.data

/** Points that a peer earns when what it sent fails this way. */
export const penaltyOf = (error: unknown): number => (error instanceof NodeError && !isPeersWord(error) ? error.row.penalty : 0)
