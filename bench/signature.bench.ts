/** Signatures: one at a time and in batches, beside node:crypto, noble and scure. */
import { createPublicKey, verify as nodeVerify } from 'node:crypto'
import { ed25519 } from '@noble/curves/ed25519.js'
import * as scure from '@scure/sr25519'
import { expect, test } from 'vitest'
import { loadAddon } from '../src/native/addon.ts'
import { concat, fromHex } from '../src/protocol/bytes.ts'
import type { Scheme, SignedItem } from '../src/protocol/ports/compute.ts'

const { signature: addon } = loadAddon()
const BATCH = 1_024

/** One signer per item, messages of 200 bytes: about what a block of transactions holds. */
const signed = (scheme: Scheme): SignedItem[] =>
  Array.from({ length: BATCH }, (_, i) => {
    const { publicKey, secret } = addon.keyPair(scheme, new Uint8Array(32).fill(1 + (i % 200)))
    const message = new Uint8Array(200).fill(i)
    return { scheme, publicKey, message, signature: addon.sign(scheme, secret, message) }
  })

const accepts = ({ scheme, publicKey, message, signature }: SignedItem): boolean => addon.verify(scheme, publicKey, message, signature)

const spki = fromHex('302a300506032b6570032100')
const byNode = ({ publicKey, message, signature }: SignedItem): boolean => {
  const key = createPublicKey({ key: Buffer.from(concat(spki, publicKey)), format: 'der', type: 'spki' })
  return nodeVerify(null, message, key, signature)
}
const rivals: Record<Scheme, [string, (item: SignedItem) => boolean][]> = {
  ed25519: [
    ['node:crypto', byNode],
    ['noble', ({ publicKey, message, signature }) => ed25519.verify(signature, message, publicKey)],
  ],
  sr25519: [['scure', ({ publicKey, message, signature }) => scure.verify(message, signature, publicKey)]],
}

test.for(['sr25519', 'ed25519'] as const)('%s: one verification', async (scheme, { bench }) => {
  const [item] = signed(scheme)
  if (item === undefined) throw new Error('nothing was signed')
  const changed = { ...item, message: item.message.map((byte) => byte ^ 1) }
  const all: [string, (item: SignedItem) => boolean][] = [['addon', accepts], ...rivals[scheme]]
  for (const [name, verify] of all) expect([name, verify(item), verify(changed)]).toEqual([name, true, false])
  const [first, ...others] = all.map(([name, verify]) => bench(name, () => void verify(item)))
  if (first === undefined) throw new Error('nobody verifies')
  await bench.compare(first, ...others)
})

test.for(['sr25519', 'ed25519'] as const)(`%s: ${BATCH} verifications`, async (scheme, { bench }) => {
  const items = signed(scheme)
  expect(addon.verifyBatch(items)).toEqual(new Uint8Array(BATCH).fill(1))
  const spoiled = items.map((item, i) => (i === 500 ? { ...item, message: new Uint8Array(1) } : item))
  expect([...addon.verifyBatch(spoiled)].flatMap((valid, i) => (valid === 0 ? [i] : []))).toEqual([500])
  await bench.compare(
    bench('batch, all cores', () => void addon.verifyBatch(items)),
    bench('one by one, one core', () => {
      for (const item of items) accepts(item)
    }),
  )
})
