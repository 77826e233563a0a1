/** The replay window against the plainest model there is: a set of used nonces. */
import { array, assert, integer, oneof, property } from 'fast-check'
import { expect, test } from 'vitest'
import { ReplayWindow } from '../../../src/network/replay-window.ts'

test('a nonce passes once, and never from 1 024 below the highest', () => {
  const nonce = oneof(integer({ min: 0, max: 3_000 }), integer({ min: 0, max: 200 }))
  const check = (nonces: number[]): void => {
    const window = new ReplayWindow()
    const used = new Set<number>()
    let highest = 0
    for (const nonce of nonces) {
      const fresh = nonce >= 1 && nonce > highest - 1_024 && !used.has(nonce)
      expect(window.isFresh(nonce), `${nonce} after ${highest}`).toBe(fresh)
      if (!fresh) continue
      window.use(nonce)
      used.add(nonce)
      highest = Math.max(highest, nonce)
    }
  }
  const runs = { seed: Number(process.env['TAUMESH_SEED'] ?? 1), numRuns: 300 }
  expect(() => assert(property(array(nonce, { maxLength: 300 }), check), runs)).not.toThrow()
})

test('looking changes nothing', () => {
  const window = new ReplayWindow()
  for (let i = 0; i < 10; i++) expect(window.isFresh(5)).toBe(true)
  window.use(5)
  expect(window.isFresh(5)).toBe(false)
})

test('what is no safe positive integer never passes', () => {
  const window = new ReplayWindow()
  for (const nonce of [0, -1, 1.5, Number.NaN, 2 ** 53, Infinity]) expect(window.isFresh(nonce), String(nonce)).toBe(false)
})
