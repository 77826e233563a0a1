/** Checks on arguments that TypeScript cannot promise at run time, alike in the facades and the twins. */
import { NodeError } from '../protocol/errors.ts'
import { U64_MAX } from '../protocol/bytes.ts'

/** The largest count that crosses to native code; a larger number would cross modulo 2³². */
export const U32_MAX = 0xffff_ffff

const refuse = (detail: string): NodeError => new NodeError('NATIVE_ARGUMENT', { detail })

/** Native code reads its inputs without a lock, so memory that another thread may write is refused. */
const isShared = (value: ArrayBufferView): boolean => value.buffer instanceof SharedArrayBuffer

/** Exactly `length` bytes of its own (a detached buffer has none). @throws NATIVE_ARGUMENT */
export function checkBytes(name: string, value: Uint8Array, length?: number): void {
  if (!(value instanceof Uint8Array) || isShared(value)) throw refuse(`${name} must be a Uint8Array of unshared memory`)
  if (length !== undefined && value.length !== length) throw refuse(`${name} must be ${length} bytes, not ${value.length}`)
}

/** 64-bit numbers of unshared memory. @throws NATIVE_ARGUMENT */
export function checkNumbers(name: string, value: BigUint64Array): void {
  if (!(value instanceof BigUint64Array) || isShared(value)) throw refuse(`${name} must be a BigUint64Array of unshared memory`)
}

/** `length` numbers to write a result into, their memory unshared and none of what is read for it. @throws NATIVE_ARGUMENT */
export function checkInto(value: Float64Array, length: number, read: readonly ArrayBufferView[]): void {
  checkArray('into', value, Float64Array)
  if (value.length !== length) throw refuse(`into must be ${length} numbers, not ${value.length}`)
  if (read.some(({ buffer }) => buffer === value.buffer)) throw refuse('into must not share memory with what is read')
}

/** A typed array of this very kind, of unshared memory. @throws NATIVE_ARGUMENT */
export function checkArray(name: string, value: ArrayBufferView, kind: { new (length: number): ArrayBufferView; name: string }): void {
  if (!(value instanceof kind) || isShared(value)) throw refuse(`${name} must be a ${kind.name} of unshared memory`)
}

/** True or false. @throws NATIVE_ARGUMENT */
export function checkFlag(name: string, value: boolean): void {
  if (typeof value !== 'boolean') throw refuse(`${name} must be true or false`)
}

/** A short text, such as a backend's name. @throws NATIVE_ARGUMENT */
export function checkName(name: string, value: string): void {
  if (typeof value !== 'string' || value.length > 64) throw refuse(`${name} must be a text of at most 64 characters`)
}

/** A bigint from 0 to 2⁶⁴-1. @throws NATIVE_ARGUMENT */
export function checkU64(name: string, value: bigint): void {
  if (typeof value !== 'bigint' || value < 0n || value > U64_MAX) throw refuse(`${name} must be a bigint from 0 to 2^64-1`)
}

/** An integer from `min` to `max`. @throws NATIVE_ARGUMENT */
export function checkInteger(name: string, value: number, min: number, max: number): void {
  if (!Number.isSafeInteger(value) || value < min || value > max) throw refuse(`${name} must be an integer from ${min} to ${max}`)
}

/** A number, infinities among them, that is not NaN. @throws NATIVE_ARGUMENT */
export function checkNumber(name: string, value: number): void {
  if (typeof value !== 'number' || Number.isNaN(value)) throw refuse(`${name} must be a number`)
}

/** A plain object or array, so that its members can be read. @throws NATIVE_ARGUMENT */
export function checkObject(name: string, value: object): void {
  if (typeof value !== 'object' || value === null) throw refuse(`${name} must be an object`)
}
