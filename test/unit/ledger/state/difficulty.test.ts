import { describe, expect, test } from 'vitest'
import { adjusted } from '../../../../src/ledger/state/difficulty.ts'
import { queries } from '../../../../src/ledger/state/queries.ts'
import { key, TAU, testGenesis, World } from '../../../support/ledger-world.ts'
import type { Wanted } from '../../../support/ledger-world.ts'

const free = { min: 0n, max: 2n ** 64n - 1n }

describe('the adjustment', () => {
  test.each([
    [10_000_000n, 6, 20_000_000n],
    [671_088_640_000_000n, 3, 838_860_800_000_000n],
    [671_088_640_000_000n, 0, 335_544_320_000_000n],
    [7_000_000_003n, 1, 5_250_000_002n],
  ])('of %d by %d registrations of 2 gives %d', (value, registrations, expected) => {
    expect(adjusted(value, { registrations, target: 2, alpha: 0n, ...free })).toBe(expected)
  })
  test('weighs the old value by alpha, floored as the runtime does', () => {
    const alpha = 14_757_395_258_967_641_292n
    expect(adjusted(671_088_640_000_000n, { registrations: 6, target: 2, alpha, ...free })).toBe(805_306_880_000_000n)
    expect(adjusted(7_000_000_003n, { registrations: 0, target: 2, alpha, ...free })).toBe(6_299_997_332n)
  })
  test('stays within a factor of two and its bounds, whatever happens', () => {
    for (const value of [1n, 2n, 1_000n, 2n ** 62n])
      for (const target of [1, 2, 8, 1_024])
        for (const registrations of [0, 1, target, 2 * target, 3 * target])
          for (const alpha of [0n, 2n ** 63n, 2n ** 64n - 1n]) {
            const next = adjusted(value, { registrations, target, alpha, min: 1n, max: 2n ** 63n })
            expect(next).toBeLessThanOrEqual(2n * value)
            expect(next).toBeGreaterThanOrEqual(value / 2n > 1n ? value / 2n - 1n : 1n)
          }
    expect(adjusted(100n, { registrations: 0, target: 2, alpha: 0n, min: 80n, max: 200n })).toBe(80n)
    expect(adjusted(100n, { registrations: 6, target: 2, alpha: 0n, min: 80n, max: 150n })).toBe(150n)
  })
})

describe('an interval', () => {
  const world = (difficulty: bigint, burnPrice: bigint): World =>
    new World(
      testGenesis((genesis) => {
        for (const market of genesis.markets) {
          Object.assign(market, { difficulty, burnPrice })
          Object.assign(market.parameters, { registrationTarget: 2, registrationsPerBlock: 6 })
        }
      }),
    )
  const burn = (hotkey: number) => ({ kind: 'register_burned', netuid: 1, hotkey: key(hotkey), limit: 100n * TAU }) as const
  const after = (subject: World): [bigint, bigint] => {
    subject.to(20)
    const { difficulty, burnPrice, registrationsThisInterval } = queries.market(subject.state, 1)
    expect(registrationsThisInterval).toBe(0)
    return [difficulty, burnPrice]
  }

  test('without registrations lowers both', () => expect(after(world(4n, 8n * TAU))).toEqual([2n, 4n * TAU]))
  test('with more work than the target raises difficulty', () => {
    const subject = world(4n, 8n * TAU)
    let found = 0
    for (let hotkey = 5; found < 6 && subject.height < 18; hotkey++) if (subject.outcome(hotkey, subject.seal(1, 105)) === null) found++
    expect(found).toBe(6)
    expect(after(subject)).toEqual([8n, 8n * TAU])
  })
  test('with more burning than the target raises the price', () => {
    const subject = world(4n, 8n * TAU)
    subject.block(...[5, 6, 7, 8, 9, 10].map((hotkey) => [100, burn(hotkey)] as Wanted))
    expect(after(subject)).toEqual([4n, 16n * TAU])
  })
  test('at the target or below moves down the way that was used less', () => {
    const subject = world(4n, 8n * TAU)
    subject.block([100, burn(5)])
    expect(after(subject)).toEqual([3n, 8n * TAU])
  })
  test('of equal parts moves both', () => {
    const subject = world(1n, 8n * TAU)
    const burnt = [5, 6, 7].map((hotkey) => [100, burn(hotkey)] as Wanted)
    const worked = [8, 9, 10].map((hotkey) => [hotkey, subject.seal(1, 105)] as Wanted)
    subject.block(...burnt, ...worked)
    expect(after(subject)).toEqual([2n, 16n * TAU])
  })
})
