/** The addon and its twin keep the same contract, and agree on mutated and forged signatures. */
import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { loadAddon } from '../../src/native/addon.ts'
import { signatureReference } from '../../src/native/reference/signature.ts'
import type { SignedItem } from '../../src/protocol/ports/compute.ts'
import { torsioned } from '../support/forgeries.ts'
import { signatureContract } from './compute-signature.ts'

const addon = loadAddon().signature

signatureContract('addon', () => addon)
signatureContract('reference', () => signatureReference)

const seed = Number(process.env['TAUMESH_SEED'])
const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length })

/** What both say about one item; they must say the same, alone and in a batch. */
function verdict(item: SignedItem): boolean {
  const ours = addon.verify(item.scheme, item.publicKey, item.message, item.signature)
  expect(signatureReference.verify(item.scheme, item.publicKey, item.message, item.signature)).toBe(ours)
  expect([...addon.verifyBatch([item, item])]).toEqual([Number(ours), Number(ours)])
  return ours
}

test('addon and twin derive the same keys and accept each other’s signatures', () => {
  const agree = fc.property(fc.constantFrom('sr25519' as const, 'ed25519' as const), bytes(32), bytes(32), (scheme, secretSeed, code) => {
    const pair = addon.keyPair(scheme, secretSeed)
    expect(signatureReference.keyPair(scheme, secretSeed)).toEqual(pair)
    for (const [signer, verifier] of [
      [addon, signatureReference],
      [signatureReference, addon],
    ] as const) {
      expect(verifier.verify(scheme, pair.publicKey, code, signer.sign(scheme, pair.secret, code))).toBe(true)
    }
    const hard = addon.derive('hard', secretSeed, code)
    expect(signatureReference.derive('hard', secretSeed, code)).toEqual(hard)
    const parent = addon.keyPair('sr25519', secretSeed).secret
    const soft = [addon, signatureReference].map((part) => part.fromSecret('sr25519', part.derive('soft', parent, code)).publicKey)
    expect(soft[0]).toEqual(soft[1])
  })
  fc.assert(agree, { seed, numRuns: 40 })
})

test('addon and twin agree on signatures with bits flipped anywhere', () => {
  const flips = fc.array(fc.nat(8 * 96 - 1), { maxLength: 3 })
  const agree = fc.property(fc.constantFrom('sr25519' as const, 'ed25519' as const), bytes(32), flips, (scheme, secretSeed, bits) => {
    const pair = addon.keyPair(scheme, secretSeed)
    const both = Uint8Array.of(...pair.publicKey, ...addon.sign(scheme, pair.secret, secretSeed))
    for (const bit of bits) both[bit >> 3]! ^= 1 << (bit & 7)
    const item = { scheme, publicKey: both.slice(0, 32), message: secretSeed, signature: both.slice(32) }
    const unchanged = bits.every((bit) => bits.filter((other) => other === bit).length % 2 === 0)
    expect(verdict(item)).toBe(unchanged)
  })
  fc.assert(agree, { seed, numRuns: 300 })
})

test('addon and twin agree where key and commitment carry points of small order', () => {
  const verdicts = new Set<boolean>()
  const scalar = fc.bigInt(0n, 2n ** 255n)
  const agree = fc.property(scalar, fc.nat(7), scalar, fc.nat(7), bytes(8), (a, i, r, j, message) => {
    const accepted = verdict(torsioned(a, i, r, j, message))
    if (a > 0n && r > 0n && i === 0) expect(accepted).toBe(j === 0)
    verdicts.add(accepted)
  })
  fc.assert(agree, { seed, numRuns: 300 })
  expect(verdicts).toEqual(new Set([true, false]))
})
