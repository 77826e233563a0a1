/** The addon and its twin keep the same contract, and agree on seals that nobody recorded. */
import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { loadAddon } from '../../src/native/addon.ts'
import { powReference } from '../../src/native/reference/pow.ts'
import { powContract } from './compute-pow.ts'

const addon = loadAddon().pow

powContract('addon', () => addon)
powContract('reference', () => powReference)

test('addon and twin give the same seals and verdicts', () => {
  const entry = fc.record({
    hash: fc.uint8Array({ minLength: 32, maxLength: 32 }),
    hotkey: fc.uint8Array({ minLength: 32, maxLength: 32 }),
    nonce: fc.bigInt(0n, 2n ** 64n - 1n),
    difficulty: fc.oneof(fc.bigInt(0n, 8n), fc.bigInt(0n, 2n ** 64n - 1n)),
  })
  const agree = fc.property(fc.array(entry, { maxLength: 20 }), (entries) => {
    const batch = {
      blockHashes: Uint8Array.from(entries.flatMap(({ hash }) => [...hash])),
      hotkeys: Uint8Array.from(entries.flatMap(({ hotkey }) => [...hotkey])),
      nonces: BigUint64Array.from(entries.map(({ nonce }) => nonce)),
      difficulties: BigUint64Array.from(entries.map(({ difficulty }) => difficulty)),
    }
    expect(addon.verify(batch)).toEqual(powReference.verify(batch))
  })
  fc.assert(agree, { seed: Number(process.env['TAUMESH_SEED']), numRuns: 100 })
})

test('addon and twin find the same nonce from the same start', async () => {
  const blockHash = new Uint8Array(32).fill(3)
  const hotkey = new Uint8Array(32).fill(4)
  for (const start of [0n, 12_345n, 2n ** 32n - 50n, 2n ** 64n - 20n]) {
    const challenge = { blockHash, hotkey, difficulty: 500n, start }
    expect((await addon.solve(challenge)).nonce).toBe((await powReference.solve(challenge)).nonce)
  }
})
