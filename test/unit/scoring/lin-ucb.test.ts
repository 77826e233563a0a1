import { describe, expect, test } from 'vitest'
import { utf8 } from '../../../src/protocol/bytes.ts'
import { contextFeatures, LinUcb } from '../../../src/scoring/lin-ucb.ts'
import { rng, testSeed } from '../../support/random.ts'

const whale = contextFeatures(utf8('the whale, the whale! the white'))
const code = contextFeatures(utf8('const x = () => { return null }'))
const peers = Array.from({ length: 12 }, (_, uid) => ({ name: `peer ${uid}`, uid }))

describe('contextFeatures', () => {
  test('have length 1, and 0 for an empty context', () => {
    expect(whale.reduce((sum, value) => sum + value * value, 0)).toBeCloseTo(1, 12)
    expect(contextFeatures(new Uint8Array(0)).every((value) => value === 0)).toBe(true)
  })

  test('look at the first 32 bytes alone', () => {
    const long = utf8('0123456789abcdef0123456789abcdefXYZ')
    expect(contextFeatures(long)).toEqual(contextFeatures(long.subarray(0, 32)))
  })

  test('of one byte x are bucket 7x mod 128', () => {
    expect(contextFeatures(Uint8Array.of(100))[(7 * 100) % 128]).toBe(1)
  })
})

describe('LinUcb', () => {
  test('before any reward all score alike, and the lower uids are chosen with one random peer', () => {
    const chosen = new LinUcb().choose(peers, whale, 4, 0.5)
    expect(chosen.slice(0, 3).map(({ uid }) => uid)).toEqual([0, 1, 2])
    expect(chosen[3]?.uid).toBe(3 + Math.floor(0.5 * 9))
  })

  test('all are chosen when there are no more than asked for', () => {
    expect(new LinUcb().choose(peers.slice(0, 3), whale, 4, 0)).toHaveLength(3)
  })

  test('after one reward the score is that of ridge regression, computed by hand', () => {
    const selector = new LinUcb()
    selector.reward('a', whale, -3)
    // A = I + ffᵀ with |f| = 1: A⁻¹f = f/2, so θ·f = 5/2 and fᵀA⁻¹f = 1/2.
    expect(selector.expected('a', whale)).toBeCloseTo(2.5, 9)
    expect(selector.score('a', whale)).toBeCloseTo(2.5 + 0.3 * Math.sqrt(0.5), 9)
  })

  test('learns which peer suits which text', () => {
    const selector = new LinUcb()
    for (let i = 0; i < 30; i++)
      for (const { name, uid } of peers) {
        selector.reward(name, whale, uid === 7 ? -1.5 : -4)
        selector.reward(name, code, uid === 9 ? -1.5 : -4)
      }
    expect(selector.choose(peers, whale, 3, 0)[0]?.uid).toBe(7)
    expect(selector.choose(peers, code, 3, 0)[0]?.uid).toBe(9)
  })

  test('finds the best of 32 noisy peers within 350 contexts, 4 asked each time', () => {
    const random = rng(testSeed())
    const selector = new LinUcb()
    const many = Array.from({ length: 32 }, (_, uid) => ({ name: `p${uid}`, uid }))
    const chance = (): number => random.int(2 ** 30) / 2 ** 30
    let found = 0
    for (let round = 0; round < 400; round++) {
      const chosen = selector.choose(many, whale, 4, chance())
      if (round >= 350 && chosen.some(({ uid }) => uid === 23)) found += 1
      for (const { name, uid } of chosen) selector.reward(name, whale, (uid === 23 ? -2 : -3.5) + (chance() - 0.5))
    }
    expect(found).toBeGreaterThanOrEqual(45)
  })

  test('keeps at most 256 arms: the one unused longest is as if it were new', () => {
    const selector = new LinUcb()
    for (let i = 0; i <= 256; i++) selector.reward(`p${i}`, whale, -1)
    expect(selector.expected('p0', whale)).toBe(0)
    expect(selector.expected('p1', whale)).toBeGreaterThan(0)
  })
})
