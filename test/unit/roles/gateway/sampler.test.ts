import { expect, test } from 'vitest'
import { chanceOf, sampleByte } from '../../../../src/roles/gateway/sampler.ts'

const p = new Float64Array(256)
p[65] = 0.5
p[66] = 0.3
p[67] = 0.15
p[68] = 0.05
const drawn = (temperature: number, topP: number): Set<number> =>
  new Set(Array.from({ length: 2_000 }, (_, t) => sampleByte(p, { key: 5, temperature }, topP, t)))

test('the nucleus holds the fewest bytes that reach top_p', () => {
  expect(drawn(1, 0.7)).toEqual(new Set([65, 66]))
  expect(drawn(1, 0.8)).toEqual(new Set([65, 66]))
  expect(drawn(1, 0.81)).toEqual(new Set([65, 66, 67]))
  expect(drawn(1, 0.0001)).toEqual(new Set([65]))
  expect(drawn(1, 1)).toEqual(new Set([65, 66, 67, 68]))
})

test('the nucleus is taken after the temperature', () => {
  // At 1/2 the mass is .25 : .09 : .0225 : .0025, and .8 is reached with two.
  expect(drawn(0.5, 0.8)).toEqual(new Set([65, 66]))
  expect(drawn(0.25, 0.8)).toEqual(new Set([65]))
})

test('temperature 0 takes the most likely byte, whatever the seed', () => {
  expect(drawn(0, 1)).toEqual(new Set([65]))
})

test('a seed gives one chance, another seed another', () => {
  expect(chanceOf(7n)).toEqual(chanceOf(7n))
  expect(chanceOf(7n).key).not.toBe(chanceOf(8n).key)
  expect(chanceOf(2n ** 64n + 7n)).toEqual(chanceOf(7n))
  expect(chanceOf(-1n).slot).toBeLessThan(1)
})
