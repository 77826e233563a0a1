/** Proof of work: searches by each backend, and batches of verification beside node:crypto with noble's Keccak. */
import { createHash } from 'node:crypto'
import { keccak_256 } from '@noble/hashes/sha3.js'
import { expect, test } from 'vitest'
import { loadAddon } from '../src/native/addon.ts'
import { powReference } from '../src/native/reference/pow.ts'
import { concat, u64le } from '../src/protocol/bytes.ts'
import type { PowChallenge } from '../src/protocol/ports/compute.ts'

const { pow } = loadAddon()
const blockHash = Uint8Array.from({ length: 32 }, (_, i) => i)
const hotkey = new Uint8Array(32).fill(7)

test('search with one thread', async ({ bench }) => {
  // The first nonce from 0 is the same for every backend, so all compute the same number of hashes.
  const challenge: PowChallenge = { blockHash, hotkey, difficulty: 300_000n, start: 0n, threads: 1 }
  const first = await pow.solve(challenge)
  expect(powReference.seal(blockHash, hotkey, first.nonce)).toEqual(first.seal)
  const runs = pow.backends().map((backend) =>
    bench(`${backend}: ${first.nonce + 1n} hashes`, async () => {
      const found = await pow.solve({ ...challenge, backend })
      if (found.nonce !== first.nonce) throw new Error(`${backend} found ${found.nonce}, not ${first.nonce}`)
    }),
  )
  await bench.compare(...runs, { time: 1_000, iterations: 10 })
})

test('verification of 1,024 seals', async ({ bench }) => {
  const count = 1_024
  const batch = {
    blockHashes: Uint8Array.from({ length: 32 * count }, (_, i) => i % 251),
    hotkeys: Uint8Array.from({ length: 32 * count }, (_, i) => i % 241),
    nonces: BigUint64Array.from({ length: count }, (_, i) => BigInt(i) ** 5n),
    difficulties: new BigUint64Array(count).fill(2n),
  }
  const byNode = (): Uint8Array => {
    const seals = new Uint8Array(32 * count)
    for (let i = 0; i < count; i++) {
      const part = (bytes: Uint8Array): Uint8Array => bytes.subarray(32 * i, 32 * i + 32)
      const inner = keccak_256(concat(part(batch.blockHashes), part(batch.hotkeys)))
      const digest = createHash('sha256')
        .update(u64le(batch.nonces[i] ?? 0n))
        .update(inner)
        .digest()
      seals.set(keccak_256(digest), 32 * i)
    }
    return seals
  }
  expect(pow.verify(batch)).toEqual(powReference.verify(batch))
  expect(byNode()).toEqual(pow.verify(batch).seals)
  await bench.compare(
    bench('addon', () => void pow.verify(batch)),
    bench('node:crypto and noble', () => void byNode()),
  )
})
