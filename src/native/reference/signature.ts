/** Signatures in TypeScript: the exact twin of the addon, slower by far and not constant in time. For tests. */
import { ed25519 } from '@noble/curves/ed25519.js'
import { bytesToNumberLE, numberToBytesLE } from '@noble/curves/utils.js'
import { sha512 } from '@noble/hashes/sha2.js'
import * as sr25519 from '@scure/sr25519'
import { concat, equal } from '../../protocol/bytes.ts'
import { NodeError } from '../../protocol/errors.ts'
import type { Scheme, SignatureCompute, SignedItem } from '../../protocol/ports/compute.ts'
import { checkBytes } from '../argument.ts'
import { checkDerivation, checkItem, checkItems, checkMessage, isWrapped, numberOf } from '../signature.ts'
import { Transcript } from './merlin.ts'

const { Point } = ed25519
const ORDER = Point.Fn.ORDER

interface KeyPair {
  publicKey: Uint8Array
  secret: Uint8Array
}

/** The library keeps the scalar times eight (as ed25519 secrets are), the port the scalar itself. */
const timesEight = (secret: Uint8Array): Uint8Array =>
  concat(numberToBytesLE(bytesToNumberLE(secret.subarray(0, 32)) << 3n, 32), secret.subarray(32))
const canonical = (secret: Uint8Array): Uint8Array =>
  concat(numberToBytesLE(bytesToNumberLE(secret.subarray(0, 32)) >> 3n, 32), secret.subarray(32))

const invalid = (): NodeError => new NodeError('SIGNATURE_SECRET_INVALID')

/** The library's form of a secret, once its scalar is known to be reduced and not zero. */
function librarySecret(secret: Uint8Array): Uint8Array {
  const scalar = bytesToNumberLE(secret.subarray(0, 32))
  if (scalar === 0n || scalar >= ORDER) throw invalid()
  return timesEight(secret)
}

const schemes: Record<Scheme, { pair(seed: Uint8Array): KeyPair; from(secret: Uint8Array): KeyPair } & Signing> = {
  sr25519: {
    pair: (seed) => schemes.sr25519.from(canonical(sr25519.secretFromSeed(seed))),
    from: (secret) => ({ publicKey: sr25519.getPublicKey(librarySecret(secret)), secret: secret.slice() }),
    sign: (secret, message) => sr25519.sign(librarySecret(secret), message),
    verify: verifySr25519,
  },
  ed25519: {
    pair(seed) {
      const publicKey = ed25519.getPublicKey(seed)
      return { publicKey, secret: concat(seed, publicKey) }
    },
    from(secret) {
      const pair = schemes.ed25519.pair(secret.subarray(0, 32))
      if (!equal(pair.secret, secret)) throw invalid()
      return pair
    },
    sign: (secret, message) => ed25519.sign(message, schemes.ed25519.from(secret).secret.subarray(0, 32)),
    verify: verifyEd25519,
  },
}
interface Signing {
  sign(secret: Uint8Array, message: Uint8Array): Uint8Array
  verify(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean
}

function verifySr25519(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
  try {
    return sr25519.verify(message, signature, publicKey)
  } catch {
    return false // a missing marker, a scalar that is not reduced, bytes that are no point
  }
}

/** The equation without the cofactor, over canonical encodings, without points of small order: dalek's `verify_strict`. */
function verifyEd25519(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
  const commitment = signature.subarray(0, 32)
  const scalar = bytesToNumberLE(signature.subarray(32))
  if (scalar >= ORDER) return false
  try {
    const [key, point] = [Point.fromBytes(publicKey), Point.fromBytes(commitment)]
    if (key.isSmallOrder() || point.isSmallOrder()) return false
    const challenge = bytesToNumberLE(sha512(concat(commitment, publicKey, message))) % ORDER
    return Point.BASE.multiplyUnsafe(scalar).subtract(key.multiplyUnsafe(challenge)).equals(point)
  } catch {
    return false
  }
}

function verify({ scheme, publicKey, message, signature }: SignedItem): boolean {
  if (isWrapped(message) || publicKey.every((byte) => byte === 0)) return false
  return schemes[scheme].verify(publicKey, message, signature)
}

/** The 32-byte child mini-secret; the library gives it only in expanded form, so the transcript is run here. */
function hardChild(secret: Uint8Array, chainCode: Uint8Array): Uint8Array {
  const parent = secret.length === 32 ? schemes.sr25519.pair(secret).secret : schemes.sr25519.from(secret).secret
  const transcript = new Transcript('SchnorrRistrettoHDKD')
  transcript.append('sign-bytes', new Uint8Array(0))
  transcript.append('chain-code', chainCode)
  transcript.append('secret-key', parent.subarray(0, 32))
  const child = transcript.challenge('HDKD-hard', 32)
  transcript.wipe()
  return child
}

export const signatureReference: SignatureCompute = {
  keyPair(scheme, seed) {
    numberOf(scheme)
    checkBytes('seed', seed, 32)
    return schemes[scheme].pair(seed)
  },
  fromSecret(scheme, secret) {
    numberOf(scheme)
    checkBytes('secret', secret, 64)
    return schemes[scheme].from(secret)
  },
  derive(kind, secret, chainCode) {
    checkDerivation(kind, secret, chainCode)
    if (kind === 'hard') return hardChild(secret, chainCode)
    return canonical(sr25519.HDKD.secretSoft(librarySecret(secret), chainCode))
  },
  sign(scheme, secret, message) {
    numberOf(scheme)
    checkBytes('secret', secret, 64)
    checkMessage(message)
    if (isWrapped(message)) throw new NodeError('SIGNATURE_MESSAGE_WRAPPED')
    return schemes[scheme].sign(secret, message)
  },
  verify(scheme, publicKey, message, signature) {
    const item = { scheme, publicKey, message, signature }
    checkItem(item)
    return verify(item)
  },
  verifyBatch(items) {
    checkItems(items)
    return Uint8Array.from(items, (item) => Number(verify(item)))
  },
}
