/** Signatures that careless verifiers disagree about, made with the curve's own arithmetic. */
import { ed25519, ED25519_TORSION_SUBGROUP, ristretto255 } from '@noble/curves/ed25519.js'
import { bytesToNumberLE, numberToBytesLE } from '@noble/curves/utils.js'
import { sha512 } from '@noble/hashes/sha2.js'
import { concat, fromHex } from '../../src/protocol/bytes.ts'
import type { SignedItem } from '../../src/protocol/ports/compute.ts'

const { Point } = ed25519
export const ORDER = Point.Fn.ORDER
const torsion = ED25519_TORSION_SUBGROUP.map((hex) => Point.fromBytes(fromHex(hex), true))

/**
 * An ed25519 signature by key a·B + torsion[i] with commitment r·B + torsion[j] and s = r + k·a: it satisfies the equation
 * times eight always, the strict one only where the torsion happens to cancel.
 */
export function torsioned(a: bigint, i: number, r: bigint, j: number, message: Uint8Array): SignedItem {
  const publicKey = Point.BASE.multiplyUnsafe(a % ORDER)
    .add(torsion[i % 8] ?? Point.ZERO)
    .toBytes()
  const commitment = Point.BASE.multiplyUnsafe(r % ORDER)
    .add(torsion[j % 8] ?? Point.ZERO)
    .toBytes()
  const k = bytesToNumberLE(sha512(concat(commitment, publicKey, message))) % ORDER
  return { scheme: 'ed25519', publicKey, message, signature: concat(commitment, numberToBytesLE((r + k * a) % ORDER, 32)) }
}

/** Every encoding of the eight points of small order, canonical or not. */
export const smallOrderKeys: readonly string[] = [
  ...ED25519_TORSION_SUBGROUP,
  '0100000000000000000000000000000000000000000000000000000000000080',
  'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff',
  'edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  'edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff',
  'eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  'eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff',
]

/** A signature of anything by the all-zero sr25519 key: for it s·B = R is the whole equation. */
export function byTheIdentity(s: bigint, message: Uint8Array): SignedItem {
  const signature = concat(ristretto255.Point.BASE.multiplyUnsafe(s % ORDER).toBytes(), numberToBytesLE(s % ORDER, 32))
  signature[63]! |= 0x80
  return { scheme: 'sr25519', publicKey: new Uint8Array(32), message, signature }
}

/** The same signature with its scalar raised by the group's order, marker kept. */
export function withRaisedScalar(signature: Uint8Array): Uint8Array {
  const marker = signature[63]! & 0x80
  const scalar = signature.slice(32)
  scalar[31]! &= 0x7f
  const raised = concat(signature.subarray(0, 32), numberToBytesLE(bytesToNumberLE(scalar) + ORDER, 32))
  raised[63]! |= marker
  return raised
}
