import { expect, test } from 'vitest'
import { games } from '../../../src/scoring/invitations.ts'

const seed = new Uint8Array(32).fill(3)
const uids = (n: number): number[] => Array.from({ length: n }, (_, i) => i * 3)

test('everyone plays exactly once, in games of twelve at most whose sizes differ by one at most', () => {
  for (const n of [1, 4, 12, 13, 24, 25, 100]) {
    const cut = games(seed, 1, uids(n))
    expect(cut.flat().toSorted((a, b) => a - b)).toEqual(uids(n))
    const sizes = cut.map(({ length }) => length)
    expect(Math.max(...sizes)).toBeLessThanOrEqual(12)
    expect(Math.max(...sizes) - Math.min(...sizes)).toBeLessThanOrEqual(1)
    expect(cut.length).toBe(Math.ceil(n / 12))
  }
})
test('a pass cuts anew, and the same pass cuts alike', () => {
  expect(games(seed, 1, uids(24))).toEqual(games(seed, 1, uids(24)))
  expect(games(seed, 1, uids(24))).not.toEqual(games(seed, 2, uids(24)))
})
test('two peers meet about as often as chance has it', () => {
  let met = 0
  for (let pass = 0; pass < 400; pass++) if (games(seed, pass, uids(24)).some((game) => game.includes(0) && game.includes(3))) met++
  // 11 of the other 23 places: 400 * 11/23 = 191, standard deviation 10
  expect(Math.abs(met - 191)).toBeLessThan(45)
})
test('nobody is no game', () => {
  expect(games(seed, 1, [])).toEqual([])
})
