import { expect, test } from 'vitest'
import {
  addCausal,
  addStep,
  decodeStatistics,
  encodeStatistics,
  estimate,
  freshStatistics,
  PHI_ONE,
} from '../../../src/scoring/statistics.ts'
import type { PeerStatistics } from '../../../src/scoring/statistics.ts'

const phi = (bits: number): bigint => BigInt(Math.round(bits * PHI_ONE))
const after = (steps: readonly number[], inTime = true): PeerStatistics =>
  steps.reduce((peer, bits) => addStep(peer, phi(bits), inTime), freshStatistics('aa'.repeat(32)))

test('sums of three steps are those computed by hand with rationals', () => {
  const peer = after([0.125, 0.25, 0.375])
  expect(peer.s0).toBeCloseTo(2.9404, 14)
  expect(peer.s1).toBeCloseTo(0.74005, 14)
  expect(peer.s2).toBeCloseTo(0.21688125, 14)
  expect(peer.q).toBeCloseTo(2.88276816, 14)
  const { mean, effectiveSteps, lcb, uptime } = estimate(peer)
  expect(mean).toBeCloseTo(0.25168344442932933, 14)
  expect(effectiveSteps).toBeCloseTo(2.9991840065279476, 13)
  expect(lcb).toBeCloseTo(0.10733115289887682, 13)
  expect(uptime).toBeCloseTo(1, 14)
})
test('nobody is paid before the third step, then at once', () => {
  expect(estimate(after([0.25])).lcb).toBe(0)
  expect(estimate(after([0.25, 0.25])).lcb).toBe(0)
  expect(estimate(after([0.25, 0.25, 0.25])).lcb).toBeCloseTo(0.25, 12)
  expect(estimate(after([0.25, 0.25, 0.25, 0.3125])).lcb).toBeCloseTo(0.23452954486199462, 12)
})
test('a peer that gains nothing, or only by luck, has no paid score', () => {
  expect(estimate(after([-0.01, -0.01, -0.01, -0.01])).lcb).toBe(0)
  expect(estimate(after([0.5, 0, 0, 0])).lcb).toBe(0)
})
test('effective steps tend to (2 - alpha) / alpha = 99', () => {
  expect(estimate(after(Array.from({ length: 2_000 }, () => 0.25))).effectiveSteps).toBeCloseTo(99, 6)
})
test('uptime is the decayed share of steps in time', () => {
  const peer = addStep(after([0.25]), 0n, false)
  // weights 0.98 and 1 of two steps, the older one in time
  expect(estimate(peer).uptime).toBeCloseTo(0.98 / 1.98, 14)
})
test('Z is looked at when 200 positions are passed, and fails above 4', () => {
  const run = (each: number, count: number): PeerStatistics => {
    let peer = after([])
    for (let i = 0; i < count; i++) peer = addCausal(peer, each)
    return peer
  }
  // Z = sum / sqrt(n) = each * sqrt(n): 0.28 * sqrt(200) = 3.96, 0.29 * sqrt(200) = 4.10
  expect(run(0.29, 199).causalFailed).toBe(false)
  expect(run(0.28, 200).causalFailed).toBe(false)
  expect(run(0.29, 200).causalFailed).toBe(true)
  // 0.13 * sqrt(1000) = 4.11
  expect(run(0.13, 999).causalFailed).toBe(false)
  expect(run(0.13, 1_000).causalFailed).toBe(true)
  const over = run(0.01, 4_000)
  expect([over.causalPositions, over.causalSum, over.causalFailed]).toEqual([0, 0, false])
})
test('statistics survive their encoding to the last bit', () => {
  const statistics = new Map([
    [7, addCausal(after([0.1, -0.3, 1 / 3]), 0.7)],
    [2, after([0.25])],
  ])
  const bytes = encodeStatistics(statistics)
  expect(decodeStatistics(bytes)).toEqual(statistics)
  expect([...decodeStatistics(bytes).keys()]).toEqual([2, 7])
  expect(() => decodeStatistics(bytes.subarray(1))).toThrow(expect.objectContaining({ code: 'MESSAGE_MALFORMED' }))
})
