import { expect, test } from 'vitest'
import { exactLn, exactLog2 } from '../../../src/scoring/arithmetic.ts'

test('logarithms of powers of two are exact', () => {
  expect([1, 2, 0.5, 2 ** -20, 2 ** 40].map(exactLog2)).toEqual([0, 1, -1, -20, 40])
})
test('others differ from the library by a few last bits at most', () => {
  for (let x = 1 / 4096 / 256; x < 2; x *= 1.01) {
    expect(Math.abs(exactLog2(x) - Math.log2(x))).toBeLessThan(2e-14)
    expect(Math.abs(exactLn(x) - Math.log(x))).toBeLessThan(2e-14)
  }
})
