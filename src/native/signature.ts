/** Signatures by the addon: crates/signature behind the port `SignatureCompute`. */
import { NodeError } from '../protocol/errors.ts'
import type { Scheme, SignatureCompute, SignedItem } from '../protocol/ports/compute.ts'
import { checkBytes, checkObject } from './argument.ts'
import { call } from './errors.ts'

/** Longest message, bytes: frames and transactions end well below it. */
export const MESSAGE_BYTES_MAX = 1 << 20
/** Signatures in one batch. */
export const SIGNATURES_MAX = 16_384
/** Bytes of all messages of one batch together. */
export const BATCH_BYTES_MAX = 1 << 26

const numbers = { sr25519: 0, ed25519: 1 } as const satisfies Record<Scheme, number>

export function numberOf(scheme: Scheme): number {
  if (!Object.hasOwn(numbers, scheme)) throw new NodeError('NATIVE_ARGUMENT', { detail: 'scheme must be sr25519 or ed25519' })
  return numbers[scheme]
}

const startsWith = (bytes: Uint8Array, start: string): boolean => latin(bytes.subarray(0, start.length)) === start
const endsWith = (bytes: Uint8Array, end: string): boolean => latin(bytes.subarray(-end.length)) === end
const latin = (bytes: Uint8Array): string => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1')

/** Whether a message is free text as wallets wrap it; such a message is neither signed nor accepted. */
export const isWrapped = (message: Uint8Array): boolean => startsWith(message, '<Bytes>') && endsWith(message, '</Bytes>')

/** Checks one item as every verifier must. @throws NATIVE_ARGUMENT, SIGNATURE_MESSAGE_TOO_LONG */
export function checkItem(item: SignedItem): void {
  checkObject('item', item)
  numberOf(item.scheme)
  checkBytes('publicKey', item.publicKey, 32)
  checkBytes('signature', item.signature, 64)
  checkMessage(item.message)
}

/** @throws NATIVE_ARGUMENT, SIGNATURE_MESSAGE_TOO_LONG */
export function checkMessage(message: Uint8Array): void {
  checkBytes('message', message)
  if (message.length > MESSAGE_BYTES_MAX)
    throw new NodeError('SIGNATURE_MESSAGE_TOO_LONG', { detail: `${message.length} bytes, at most ${MESSAGE_BYTES_MAX}` })
}

/** Checks what a child key is derived from. @throws NATIVE_ARGUMENT */
export function checkDerivation(kind: 'hard' | 'soft', secret: Uint8Array, chainCode: Uint8Array): void {
  if (kind !== 'hard' && kind !== 'soft') throw new NodeError('NATIVE_ARGUMENT', { detail: 'kind must be hard or soft' })
  // A hard child also comes from an expanded secret: that is what follows a soft junction.
  checkBytes('secret', secret, kind === 'hard' && secret.length === 32 ? 32 : 64)
  checkBytes('chainCode', chainCode, 32)
}

/** Checks a batch before anything is copied. @throws NATIVE_ARGUMENT, SIGNATURE_BATCH_TOO_LARGE, SIGNATURE_MESSAGE_TOO_LONG */
export function checkItems(items: readonly SignedItem[]): void {
  if (!Array.isArray(items)) throw new NodeError('NATIVE_ARGUMENT', { detail: 'items must be an array' })
  if (items.length > SIGNATURES_MAX)
    throw new NodeError('SIGNATURE_BATCH_TOO_LARGE', { detail: `${items.length} signatures, at most ${SIGNATURES_MAX}` })
  let total = 0
  for (const item of items) {
    checkItem(item)
    total += item.message.length
  }
  if (total > BATCH_BYTES_MAX)
    throw new NodeError('SIGNATURE_BATCH_TOO_LARGE', { detail: `${total} bytes of messages, at most ${BATCH_BYTES_MAX}` })
}

/** Items as columns: one call of the addon then copies five arrays instead of visiting n objects. */
function columns(items: readonly SignedItem[]) {
  const schemes = new Uint8Array(items.length)
  const publicKeys = new Uint8Array(32 * items.length)
  const signatures = new Uint8Array(64 * items.length)
  const ends = new Uint32Array(items.length)
  const messages = new Uint8Array(items.reduce((sum, item) => sum + item.message.length, 0))
  let end = 0
  for (const [index, item] of items.entries()) {
    schemes[index] = numberOf(item.scheme)
    publicKeys.set(item.publicKey, 32 * index)
    signatures.set(item.signature, 64 * index)
    messages.set(item.message, end)
    end += item.message.length
    ends[index] = end
  }
  return { schemes, publicKeys, messages, ends, signatures }
}

interface NativeKeyPair {
  publicKey: Uint8Array
  secret: Uint8Array
}

/** What this facade needs of the addon; schemes are numbers there. */
export interface SignatureBinding {
  signatureKeyPair(scheme: number, seed: Uint8Array): NativeKeyPair
  signatureFromSecret(scheme: number, secret: Uint8Array): NativeKeyPair
  signatureDeriveHard(secret: Uint8Array, chainCode: Uint8Array): Uint8Array
  signatureDeriveSoft(secret: Uint8Array, chainCode: Uint8Array): Uint8Array
  signatureSign(scheme: number, secret: Uint8Array, message: Uint8Array): Uint8Array
  signatureVerify(scheme: number, publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean
  signatureVerifyBatch(
    schemes: Uint8Array,
    publicKeys: Uint8Array,
    messages: Uint8Array,
    ends: Uint32Array,
    signatures: Uint8Array,
  ): Uint8Array
}

export function signatureCompute(binding: SignatureBinding): SignatureCompute {
  return {
    keyPair(scheme, seed) {
      checkBytes('seed', seed, 32)
      return call(() => binding.signatureKeyPair(numberOf(scheme), seed))
    },
    fromSecret(scheme, secret) {
      checkBytes('secret', secret, 64)
      return call(() => binding.signatureFromSecret(numberOf(scheme), secret))
    },
    derive(kind, secret, chainCode) {
      checkDerivation(kind, secret, chainCode)
      return call(() => (kind === 'hard' ? binding.signatureDeriveHard(secret, chainCode) : binding.signatureDeriveSoft(secret, chainCode)))
    },
    sign(scheme, secret, message) {
      checkBytes('secret', secret, 64)
      checkMessage(message)
      return call(() => binding.signatureSign(numberOf(scheme), secret, message))
    },
    verify(scheme, publicKey, message, signature) {
      checkItem({ scheme, publicKey, message, signature })
      return call(() => binding.signatureVerify(numberOf(scheme), publicKey, message, signature))
    },
    verifyBatch(items) {
      checkItems(items)
      const { schemes, publicKeys, messages, ends, signatures } = columns(items)
      return call(() => binding.signatureVerifyBatch(schemes, publicKeys, messages, ends, signatures))
    },
  }
}
