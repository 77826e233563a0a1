/** Figures of several rounds: what differs between them shows, and warns. */
import { describe, expect, test } from 'vitest'
import { figure, pooled, type Figure } from '../../../src/lab/bench/measure.ts'
import { NoiseWatch } from '../../../src/lab/bench/noise.ts'
import { Rounds, SPREAD_MAX } from '../../../src/lab/bench/rounds.ts'
import { betweenRounds, medianOf, spreadOf } from '../../../src/lab/bench/spread.ts'

const where = { backend: 'cpu', threads: 1 }
const round = (...times: number[]) => figure('x', '1/s', times, 30, where)
const steady = (time: number) => round(...Array.from({ length: 9 }, () => time))

describe('the spread', () => {
  test('within a round is how near half of the runs are to the median', () => {
    expect([medianOf([3, 1, 2]), medianOf([4, 1]), medianOf([])]).toEqual([2, 2.5, Number.NaN])
    expect(spreadOf([[90, 1, 2, 3, 4]])).toBeCloseTo(1 / 3)
    expect(betweenRounds([[90, 1, 2, 3, 4]])).toBe(0)
  })

  test('of rounds is no less than between their medians', () => {
    expect(
      spreadOf([
        [1, 1, 1],
        [2, 2, 2],
        [1, 1, 1],
      ]),
    ).toBe(0.5)
    expect(spreadOf([[1, 5], [2, 4], [3]])).toBeCloseTo(1 / 3)
  })
})

describe('rounds of one figure', () => {
  test('are pooled: the median of all runs, the time of all', () => {
    expect(pooled([round(1, 2, 3, 4, 5)])).toEqual(round(1, 2, 3, 4, 5))
    expect(pooled([round(1, 2), round(3), round(4, 5)])).toMatchObject({ value: 10, repetitions: 5, seconds: 15, spread: 0.5 })
  })

  test('replace each other as they come, in the order in which figures came first', () => {
    const rounds = new Rounds(new NoiseWatch())
    const other = figure('x', '1/s', [1], 30, { backend: 'cuda:0', threads: 0 })
    expect([steady(1), other, steady(1)].map((one) => rounds.add(one).repetitions)).toEqual([9, 1, 18])
    expect(rounds.metrics().map(({ backend, repetitions }) => [backend, repetitions])).toEqual([
      ['cpu', 18],
      ['cuda:0', 1],
    ])
    expect(Object.keys(rounds.metrics()[0] ?? {})).not.toContain('rounds')
  })

  /** What the runs themselves give away, whatever the machine does meanwhile. */
  const warningsOf = (...figures: Figure[]) => {
    const rounds = new Rounds(new NoiseWatch())
    for (const one of figures) rounds.add(one)
    return rounds.metrics()[0]?.warnings.filter((one) => /^its rounds|^spread/.test(one))
  }

  test('warn where they are unlike, however steady each is', () => {
    const unlike = (...times: number[]) => warningsOf(...times.map(steady))
    expect(unlike(1, 1.19, 1)).toEqual([])
    expect(unlike(1, 1.21, 1)).toEqual(['its rounds lie 21.0 % apart'])
    expect(unlike(1.8, 1, 1.8)).toEqual(['its rounds lie 44.4 % apart'])
    expect(unlike(2, 1, 3), 'said once, though it is the spread, too').toEqual(['its rounds lie 100.0 % apart'])
  })

  test('warn where the runs of each spread', () => {
    const spreading = (far: number) => round(1 - far, 1 - far, 1, 1 + far, 1 + far)
    expect(warningsOf(spreading(SPREAD_MAX), spreading(SPREAD_MAX))).toEqual([])
    expect(warningsOf(spreading(SPREAD_MAX + 0.01), spreading(SPREAD_MAX + 0.01))).toEqual(['spread of 26.0 %'])
  })
})
