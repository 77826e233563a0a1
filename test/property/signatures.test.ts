/**
 * Addon and twin agree on mutated and forged signatures of both schemes, alone and in one batch; and nothing that was
 * changed is ever accepted. `TAUMESH_SIGNATURES` is their number (a million takes the better part of an hour).
 */
import { bytesToNumberLE, numberToBytesLE } from '@noble/curves/utils.js'
import { expect, test } from 'vitest'
import { loadAddon } from '../../src/native/addon.ts'
import { signatureReference } from '../../src/native/reference/signature.ts'
import { concat, equal, fromHex, utf8 } from '../../src/protocol/bytes.ts'
import type { Scheme, SignedItem } from '../../src/protocol/ports/compute.ts'
import { byTheIdentity, smallOrderKeys, torsioned, withRaisedScalar } from '../support/forgeries.ts'
import { numbers } from '../support/games.ts'

const addon = loadAddon().signature
const seed = Number(process.env['TAUMESH_SEED'])
const count = Number(process.env['TAUMESH_SIGNATURES'] ?? 6_000)
const BATCH = 500
const SIGNERS = 16
type Draw = (below: number) => number

const signers = (['sr25519', 'ed25519'] as const).flatMap((scheme) =>
  Array.from({ length: SIGNERS }, (_, i) => ({ scheme, ...addon.keyPair(scheme, new Uint8Array(32).fill(i + 1)) })),
)
type Signer = (typeof signers)[number]

function signed({ scheme, publicKey, secret }: Signer, draw: Draw): SignedItem {
  const message = Uint8Array.from({ length: draw(300) }, () => draw(256))
  return { scheme, publicKey, message, signature: addon.sign(scheme, secret, message) }
}

function flipped(bytes: Uint8Array, draw: Draw): Uint8Array {
  const out = bytes.slice()
  if (out.length > 0) out[draw(out.length)]! ^= 1 << draw(8)
  return out
}
/** The scalar plus one, which stays reduced unless it was the largest. */
function stepped(signature: Uint8Array): Uint8Array {
  const marker = signature[63]! & 0x80
  const scalar = signature.slice(32)
  scalar[31]! &= 0x7f
  const next = concat(signature.subarray(0, 32), numberToBytesLE(bytesToNumberLE(scalar) + 1n, 32))
  next[63]! |= marker
  return next
}

/** What may befall a signature. Every one of them must be refused unless it changed nothing. */
const mutations: readonly ((item: SignedItem, draw: Draw, other: SignedItem) => Partial<SignedItem>)[] = [
  ({ signature }, draw) => ({ signature: flipped(signature, draw) }),
  ({ signature }, draw) => ({ signature: flipped(flipped(signature, draw), draw) }),
  ({ publicKey }, draw) => ({ publicKey: flipped(publicKey, draw) }),
  ({ message }, draw) => ({ message: flipped(message, draw) }),
  ({ message }) => ({ message: message.slice(1) }),
  ({ message }) => ({ message: concat(message, Uint8Array.of(0)) }),
  ({ message }) => ({ message: concat(utf8('<Bytes>'), message, utf8('</Bytes>')) }),
  ({ signature }) => ({ signature: withRaisedScalar(signature) }),
  ({ signature }) => ({ signature: stepped(signature) }),
  ({ signature }) => ({ signature: concat(signature.subarray(32), signature.subarray(0, 32)) }),
  ({ signature }, _draw, other) => ({ signature: concat(signature.subarray(0, 32), other.signature.subarray(32)) }),
  ({ signature }, _draw, other) => ({ signature: concat(other.signature.subarray(0, 32), signature.subarray(32)) }),
  (_item, _draw, other) => ({ publicKey: other.publicKey }),
  (_item, _draw, other) => ({ message: other.message }),
  ({ scheme }) => ({ scheme: scheme === 'sr25519' ? 'ed25519' : 'sr25519' }),
  (_item, draw) => ({ publicKey: fromHex(smallOrderKeys[draw(smallOrderKeys.length)]!) }),
  ({ signature }, draw) => ({ signature: concat(fromHex(smallOrderKeys[draw(smallOrderKeys.length)]!), signature.subarray(32)) }),
  ({ signature }) => ({ signature: signature.map((byte, i) => (i === 63 ? byte ^ 0x80 : byte)) }),
  (_item, draw) => ({ publicKey: Uint8Array.from({ length: 32 }, () => draw(256)) }),
  ({ signature }, draw) => ({
    signature: concat(
      signature.subarray(0, 32),
      Uint8Array.from({ length: 32 }, () => draw(256)),
    ),
  }),
  () => ({ publicKey: new Uint8Array(32) }),
]

const same = (a: SignedItem, b: SignedItem): boolean =>
  a.scheme === b.scheme && equal(a.publicKey, b.publicKey) && equal(a.message, b.message) && equal(a.signature, b.signature)

/** An item, and whether it must be valid: null where only the equation can tell. */
function drawn(i: number, draw: Draw): { item: SignedItem; valid: boolean | null } {
  const scheme: Scheme = i % 2 === 0 ? 'ed25519' : 'sr25519'
  const from = signers.filter((signer) => signer.scheme === scheme)
  const original = signed(from[draw(SIGNERS)]!, draw)
  const kind = draw(mutations.length + 4)
  if (kind === mutations.length) return { item: original, valid: true }
  if (kind === mutations.length + 1) return { item: byTheIdentity(BigInt(draw(2 ** 31)), original.message), valid: false }
  if (kind > mutations.length + 1) {
    // Keys and commitments of small and of mixed order: whether the torsion cancels depends on the challenge.
    const [a, r] = [BigInt(draw(4)), BigInt(draw(4))]
    return { item: torsioned(a, draw(8), r, draw(8), original.message), valid: null }
  }
  const item = { ...original, ...mutations[kind]!(original, draw, signed(from[draw(SIGNERS)]!, draw)) }
  return { item, valid: same(item, original) }
}

test(`addon and twin agree on ${count} mutated signatures, alone and in batches`, { timeout: 3_600_000 }, () => {
  const draw = numbers(seed)
  const seen = { accepted: 0, refused: 0 }
  for (let done = 0; done < count; done += BATCH) {
    const cases = Array.from({ length: Math.min(BATCH, count - done) }, (_, i) => drawn(done + i, draw))
    const single = cases.map(({ item }) => addon.verify(item.scheme, item.publicKey, item.message, item.signature))
    expect([...addon.verifyBatch(cases.map(({ item }) => item))].map(Boolean)).toEqual(single)
    for (const [i, { item, valid }] of cases.entries()) {
      const twin = signatureReference.verify(item.scheme, item.publicKey, item.message, item.signature)
      if (twin !== single[i] || (valid !== null && valid !== twin)) {
        expect.fail(`case ${done + i}: addon ${single[i]}, twin ${twin}, expected ${valid}: ${JSON.stringify(item)}`)
      }
      seen[twin ? 'accepted' : 'refused']++
    }
  }
  expect(seen.accepted).toBeGreaterThan(count / 100)
  expect(seen.refused).toBeGreaterThan(count / 2)
})
