import { expect, test } from 'vitest'
import { movements } from '../../../src/lab/what-if.ts'

const output = (incentive: number[], dividends: number[], emission: bigint[]) => ({
  incentive: Uint16Array.from(incentive),
  dividends: Uint16Array.from(dividends),
  emission: BigUint64Array.from(emission),
})

test('a variant moves what some lose to others, and names who gains most', () => {
  const base = output([65_535, 0, 0], [0, 65_535, 0], [10n, 10n, 0n])
  const same = { name: 'same', output: base }
  const other = { name: 'other', output: output([0, 65_535, 0], [0, 65_535, 0], [0n, 13n, 7n]) }
  expect(movements(base, [same, other])).toEqual([
    { name: 'same', incentiveMoved: 0, dividendsMoved: 0, winner: null, gain: 0n },
    { name: 'other', incentiveMoved: 1, dividendsMoved: 0, winner: 2, gain: 7n },
  ])
})
