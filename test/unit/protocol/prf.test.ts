import { blake3 } from '@noble/hashes/blake3.js'
import { expect, test } from 'vitest'
import { label, prf, PrfStream } from '../../../src/protocol/prf.ts'

const seed = new Uint8Array(32).fill(7)

test('a value is the first eight bytes of the keyed hash over label and counter', () => {
  const expected = blake3(new Uint8Array([...new TextEncoder().encode('spans'), 5, 0, 0, 0]), { key: seed })
  expect(prf(seed, label('spans'), 5)).toBe(new DataView(expected.buffer, expected.byteOffset).getBigUint64(0, true))
})
test('a stream gives the values of its counter in order', () => {
  const stream = new PrfStream(seed, label('x'))
  expect([stream.next(), stream.next()]).toEqual([prf(seed, label('x'), 0), prf(seed, label('x'), 1)])
})
test('a permutation holds every index once, and each first place comes up about as often', () => {
  const firsts = [0, 0, 0, 0]
  for (let i = 0; i < 400; i++) {
    const order = new PrfStream(seed, label(`p${i}`)).permutation(4)
    expect(order.toSorted((a, b) => a - b)).toEqual([0, 1, 2, 3])
    firsts[order[0] as number] = (firsts[order[0] as number] as number) + 1
  }
  // 400 draws of a quarter: mean 100, standard deviation 8.7; 40 away is four and a half of them.
  for (const count of firsts) expect(Math.abs(count - 100)).toBeLessThan(40)
})
test('refuses to draw from nothing', () => {
  expect(() => new PrfStream(seed, label('x')).below(0)).toThrow(RangeError)
})
