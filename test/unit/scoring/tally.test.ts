import { expect, test } from 'vitest'
import { estimate, PHI_ONE } from '../../../src/scoring/statistics.ts'
import type { Statistics } from '../../../src/scoring/statistics.ts'
import { addGame, isOut, weightsOf } from '../../../src/scoring/tally.ts'
import type { PeerStep, Tally } from '../../../src/scoring/tally.ts'

const step = (uid: number, bits: number, more: Partial<PeerStep> = {}): PeerStep => ({
  uid,
  hotkey: new Uint8Array(32).fill(uid),
  phi: BigInt(Math.round(bits * PHI_ONE)),
  status: 'in time',
  deviations: [],
  ...more,
})
const played = (games: PeerStep[][]): { statistics: Statistics; tally: Tally } => {
  const statistics: Statistics = new Map()
  const tally: Tally = new Map()
  for (const game of games) addGame(statistics, tally, 2_048, game)
  return { statistics, tally }
}
const row = (games: PeerStep[][]): [number, number][] => {
  const { statistics, tally } = played(games)
  const { uids, values } = weightsOf(statistics, tally)
  return [...uids].map((uid, i) => [uid, values[i] as number])
}

test('two peers are paid in proportion to the bits they save, from the third step on', () => {
  const game = [step(1, 0.25), step(2, 0.125), step(3, -0.01)]
  expect(row([game, game])).toEqual([])
  expect(row([game, game, game])).toEqual([
    [1, 65_535],
    [2, 32_768],
  ])
})
test('three malformed or wrong steps end the epoch for a peer; late ones do not', () => {
  const bad = (status: PeerStep['status']) => played([1, 2, 3].map(() => [step(1, 0, { status })])).tally
  expect(isOut(bad('malformed'), 1)).toBe(true)
  expect(isOut(bad('wrong'), 1)).toBe(true)
  expect(isOut(bad('late'), 1)).toBe(false)
  expect(isOut(played([[step(1, 0, { status: 'wrong' })], [step(1, 0, { status: 'malformed' })]]).tally, 1)).toBe(false)
})
test('who is out, or failed causality, is not paid whatever it earned before', () => {
  const good = [step(1, 0.25), step(2, 0.25)]
  const out = step(2, 0, { status: 'wrong' })
  expect(row([...Array.from({ length: 40 }, () => good), [step(1, 0.25), out], [step(1, 0.25), out]]).map(([uid]) => uid)).toEqual([1, 2])
  expect(row([...Array.from({ length: 40 }, () => good), [out], [out], [out]]).map(([uid]) => uid)).toEqual([1])
  const peeks = step(2, 0.25, { deviations: Array.from({ length: 50 }, () => 1) })
  expect(row(Array.from({ length: 3 }, () => [step(1, 0.25), peeks])).map(([uid]) => uid)).toEqual([1, 2])
  expect(row(Array.from({ length: 4 }, () => [step(1, 0.25), peeks])).map(([uid]) => uid)).toEqual([1])
})
test('a uid with another hotkey begins anew', () => {
  const { statistics } = played([[step(1, 0.25)], [step(1, 0.25)], [step(1, 0.125, { hotkey: new Uint8Array(32).fill(9) })]])
  const peer = statistics.get(1)
  expect(peer && estimate(peer)).toMatchObject({ mean: 0.125, effectiveSteps: 1, lcb: 0 })
})
