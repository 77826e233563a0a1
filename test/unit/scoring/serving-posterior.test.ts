import { describe, expect, test } from 'vitest'
import { byteShares, FadingLoss, mixRows, servingWeights } from '../../../src/scoring/serving-posterior.ts'

const row = (values: Record<number, number>): Float64Array => {
  const p = new Float64Array(256)
  for (const [byte, value] of Object.entries(values)) p[Number(byte)] = value
  return p
}

describe('FadingLoss', () => {
  test('fades by 0.9 a byte: two losses of 1 and 2 nats weigh 0.9·1 + 2', () => {
    const loss = new FadingLoss()
    loss.add(Math.exp(-1))
    loss.add(Math.exp(-2))
    expect(loss.faded).toBeCloseTo(0.9 + 2, 12)
    expect(loss.meanLog2).toBeCloseTo(-1.5 / Math.LN2, 12)
  })

  test('a byte given no chance costs a bounded loss', () => {
    const loss = new FadingLoss()
    loss.add(0)
    expect(loss.faded).toBe(14)
  })
})

describe('the mixture', () => {
  test('weights are exp(-loss), normalised, however large the losses', () => {
    const [a = 0, b = 0] = servingWeights([1_000, 1_000 + Math.log(3)])
    expect(a).toBeCloseTo(0.75, 12)
    expect(b).toBeCloseTo(0.25, 12)
  })

  test('a prior counts to the power of a quarter', () => {
    const [a = 0, b = 1] = servingWeights([0, 0], [16, 1])
    expect(a / b).toBeCloseTo(2, 12)
  })

  test('the mixed row is the weighted sum, and the shares of a byte are its parts', () => {
    const rows = [row({ 65: 0.8, 66: 0.2 }), row({ 65: 0.1, 66: 0.9 })]
    const mixed = mixRows([0.5, 0.5], rows)
    expect(mixed[65]).toBeCloseTo(0.45, 12)
    const shares = byteShares([0.5, 0.5], rows, 65)
    expect(shares[0]).toBeCloseTo(0.4 / 0.45, 12)
    expect(shares.reduce((sum, share) => sum + share, 0)).toBeCloseTo(1, 12)
  })
})
