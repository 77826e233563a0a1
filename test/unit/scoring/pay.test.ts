import { expect, test } from 'vitest'
import { clip, quantise, shares, values, weightsRow } from '../../../src/scoring/pay.ts'

/** Largest distance of two maps of numbers; infinite where their keys differ. */
function off(map: ReadonlyMap<number, number>, expected: Record<number, number>): number {
  if ([...map.keys()].join() !== Object.keys(expected).join()) return Number.POSITIVE_INFINITY
  return Math.max(0, ...[...map].map(([uid, value]) => Math.abs(value - (expected[uid] as number))))
}
const peer = (uid: number, score: number, served = 2_048, uptime = 1): { uid: number; score: number; served: number; uptime: number } => ({
  uid,
  score,
  served,
  uptime,
})

test('value is score times uptime, and the root of what is missing to half the median of positions served', () => {
  // median of 8192, 8192, 1024 is 8192, quota 4096: the third has served a quarter of it
  expect(off(values([peer(1, 0.2, 8_192), peer(2, 0.1, 8_192, 0.5), peer(3, 0.3, 1_024)]), { 1: 0.2, 2: 0.05, 3: 0.15 })).toBeLessThan(
    1e-12,
  )
})
test('the median of an even number is the mean of the middle two', () => {
  // 0, 0, 4096, 8192: median 2048, quota 1024
  expect(off(values([peer(1, 1, 0), peer(2, 1, 0), peer(3, 1, 4_096), peer(4, 1, 256)]), { 1: 0, 2: 0, 3: 1, 4: 1 })).toBeLessThan(1e-12)
})
test('an empty part of a market goes to the experts', () => {
  expect(
    off(
      shares({
        experts: new Map([
          [1, 3],
          [2, 1],
        ]),
      }),
      { 1: 0.75, 2: 0.25 },
    ),
  ).toBeLessThan(1e-12)
  expect(
    off(
      shares({
        experts: new Map([
          [1, 3],
          [2, 1],
        ]),
        documents: new Map([[2, 9]]),
      }),
      { 1: 0.7125, 2: 0.2375 + 0.05 },
    ),
  ).toBeLessThan(1e-12)
  expect(off(shares({ experts: new Map(), base: new Map([[5, 2]]) }), { 5: 0.05 })).toBeLessThan(1e-12)
})
test('a share above a third is clipped and its excess spread in proportion, again where that lifts another above', () => {
  // 0.6 0.2 0.1 0.1: first 1/3, rest times (2/3)/0.4: 1/3, 1/6, 1/6
  expect(
    off(
      clip(
        new Map([
          [1, 6],
          [2, 2],
          [3, 1],
          [4, 1],
        ]),
      ),
      { 1: 1 / 3, 2: 1 / 3, 3: 1 / 6, 4: 1 / 6 },
    ),
  ).toBeLessThan(1e-12)
  // 0.7 0.2 0.06 0.04: second would get 0.2*(2/3)/0.3 = 0.444, so it is clipped too; 0.06 and 0.04 share the last third
  expect(
    off(
      clip(
        new Map([
          [1, 70],
          [2, 20],
          [3, 6],
          [4, 4],
        ]),
      ),
      { 1: 1 / 3, 2: 1 / 3, 3: 0.2, 4: 2 / 15 },
    ),
  ).toBeLessThan(1e-12)
})
test('three paid peers become equal at most, and two are not clipped', () => {
  expect(
    off(
      clip(
        new Map([
          [1, 8],
          [2, 1],
          [3, 1],
        ]),
      ),
      { 1: 1 / 3, 2: 1 / 3, 3: 1 / 3 },
    ),
  ).toBeLessThan(1e-12)
  expect(
    off(
      clip(
        new Map([
          [1, 8],
          [2, 2],
          [3, 0],
        ]),
      ),
      { 1: 0.8, 2: 0.2 },
    ),
  ).toBeLessThan(1e-12)
})
test('weights are u16 of the largest, rounded half up, zeros dropped, uids increasing', () => {
  const { uids, values: row } = quantise(
    new Map([
      [9, 0.25],
      [3, 0.5],
      [4, 0],
      [5, 0.5 / 65_535 / 2],
      [6, 0.49 / 65_535 / 2],
    ]),
  )
  expect([...uids]).toEqual([3, 5, 9])
  // 0.25/0.5 * 65535 = 32767.5 -> 32768; the fifth is half a unit -> 1; the sixth 0.49 units -> 0
  expect([...row]).toEqual([65_535, 1, 32_768])
})
test('nobody with a score is an empty row', () => {
  expect(weightsRow([peer(1, 0), peer(2, 0)])).toEqual({ uids: new Uint16Array(0), values: new Uint16Array(0) })
  expect(weightsRow([])).toEqual({ uids: new Uint16Array(0), values: new Uint16Array(0) })
})
test('the whole way: two thirds and a third of pay', () => {
  const { uids, values: row } = weightsRow([peer(0, 0.2), peer(4, 0.1)])
  expect([[...uids], [...row]]).toEqual([
    [0, 4],
    [65_535, 32_768],
  ])
})
