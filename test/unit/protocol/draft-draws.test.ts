import { describe, expect, test } from 'vitest'
import { drawByte, drawsOfStream, gumbels, streamId } from '../../../src/protocol/draft-draws.ts'

const point = (weights: Record<number, number>): Float64Array => {
  const p = new Float64Array(256)
  for (const [byte, weight] of Object.entries(weights)) p[Number(byte)] = weight
  return p
}

describe('stream ids', () => {
  test('carry key and temperature to the peer, in steps of 1/32', () => {
    expect(drawsOfStream(streamId(77, { key: 0xdeadbeef, temperature: 0.75 }))).toEqual({ key: 0xdeadbeef, temperature: 0.75 })
    expect(drawsOfStream(streamId(77, { key: 1, temperature: 0 })).temperature).toBe(0)
    expect(drawsOfStream(streamId(77, { key: 1, temperature: 0.001 })).temperature).toBe(1 / 32)
    expect(drawsOfStream(streamId(77, { key: 1, temperature: 100 })).temperature).toBe(255 / 32)
  })

  test('differ by the counter alone', () => {
    const draws = { key: 5, temperature: 1 }
    expect(streamId(1, draws)).not.toBe(streamId(2, draws))
    expect(streamId(2 ** 24 - 1, draws) < 2n ** 64n).toBe(true)
  })
})

describe('draws', () => {
  test('at temperature 0 the most likely byte is taken, the lower one of two', () => {
    expect(drawByte(point({ 9: 0.2, 65: 0.4, 66: 0.4 }), { key: 3, temperature: 0 }, 12)).toBe(65)
  })

  test('a byte without probability is never drawn', () => {
    const drawn = new Set(Array.from({ length: 500 }, (_, t) => drawByte(point({ 1: 0.001, 2: 0.999 }), { key: 9, temperature: 4 }, t)))
    expect([...drawn].sort()).toEqual([1, 2])
  })

  test('over many positions bytes come as often as their probability says', () => {
    const p = point({ 10: 0.6, 20: 0.3, 30: 0.1 })
    const counts = new Map<number, number>()
    for (let t = 0; t < 4_000; t++) {
      const byte = drawByte(p, { key: 1234, temperature: 1 }, t)
      counts.set(byte, (counts.get(byte) ?? 0) + 1)
    }
    // Four standard deviations of a binomial of 4,000.
    expect(Math.abs((counts.get(10) ?? 0) / 4_000 - 0.6)).toBeLessThan(0.031)
    expect(Math.abs((counts.get(30) ?? 0) / 4_000 - 0.1)).toBeLessThan(0.019)
  })

  test('two who share the key draw the same byte as often as their distributions allow', () => {
    const [p, q] = [point({ 1: 0.6, 2: 0.4 }), point({ 1: 0.5, 2: 0.5 })]
    const draws = { key: 77, temperature: 1 }
    const positions = Array.from({ length: 2_000 }, (_, t) => t)
    const same = positions.filter((t) => drawByte(p, draws, t) === drawByte(q, draws, t)).length / positions.length
    // Independent draws agree in 0.5 of the cases, no coupling in more than 0.9.
    expect(same).toBeGreaterThan(0.85)
  })

  test('chance is that of key and position alone', () => {
    expect(gumbels(1, 2)).toEqual(gumbels(1, 2))
    expect(gumbels(1, 2)).not.toEqual(gumbels(1, 3))
    expect(gumbels(1, 2)).not.toEqual(gumbels(2, 2))
    expect(gumbels(1, 2).every(Number.isFinite)).toBe(true)
  })
})
