/** No figure is measured of wrong answers: each check fails for outputs that are plausible one by one but not where they belong. */
import { describe, expect, test } from 'vitest'
import { checkEpoch } from '../../../src/lab/bench/consensus.ts'
import { largeEpoch } from '../../../src/lab/bench/large-epoch.ts'
import { contributions } from '../../../src/lab/bench/large-game.ts'
import { checkGame } from '../../../src/lab/bench/mixture.ts'
import { epochInput, game } from '../../../src/lab/bench/step-kinds.ts'
import { subjects } from '../../../src/lab/bench/subjects.ts'
import { loadAddon } from '../../../src/native/addon.ts'
import { consensusReference } from '../../../src/native/reference/consensus.ts'
import { mixtureReference } from '../../../src/native/reference/mixture.ts'
import type { EpochOutput, GameOutput } from '../../../src/protocol/ports/compute.ts'
import { benchContext, computeWith, seedOf } from '../../support/bench.ts'

const { consensus, mixture } = loadAddon()
const wrong = expect.objectContaining({ code: 'LAB_BENCH_WRONG' })
const seed = seedOf('answers')

describe('an epoch', () => {
  const spoilt = (over: (output: EpochOutput) => Partial<EpochOutput>) =>
    computeWith({
      consensus: {
        ...consensus,
        epoch(input) {
          const output = consensus.epoch(input)
          return { ...output, ...over(output) }
        },
      },
    })
  const plants: [string, (output: EpochOutput) => Partial<EpochOutput>][] = [
    ['consensus reversed', ({ consensus }) => ({ consensus: consensus.toReversed() })],
    ['incentive reversed', ({ incentive }) => ({ incentive: incentive.toReversed() })],
    ['dividends reversed', ({ dividends }) => ({ dividends: dividends.toReversed() })],
    ['dividends all alike', ({ dividends }) => ({ dividends: dividends.fill(dividends[0] ?? 0) })],
    ['emission reversed', ({ emission }) => ({ emission: emission.toReversed() })],
    ['bonds reversed', ({ bonds }) => ({ bonds: { ...bonds, values: bonds.values.toReversed() } })],
    ['the uids of bonds reversed', ({ bonds }) => ({ bonds: { ...bonds, uids: bonds.uids.toReversed() } })],
  ]
  // A verifier's 128 x 4,096 is checked as the market is that is too large for the twin.
  describe.each([
    ['256x256, by the twin', 256, 256, false],
    ['128x4096, in binary64', 128, 4_096, true],
  ])('of %s', (name, rows, uids, prove) => {
    const input = epochInput(seed, seed, rows, uids)
    test('passes when it is right', () => {
      expect(() => checkEpoch({ compute: loadAddon(), prove }, input, name)).not.toThrow()
    })
    test.each(plants)('is found with %s', (_, over) => {
      expect(() => checkEpoch({ compute: spoilt(over), prove }, input, name)).toThrow(wrong)
    })
  })

  test.each([
    ['128x4096, by the twin', 128],
    ['4096x4096, in binary64', 4_096],
  ])('of %s passes when it is right, and is found with dividends reversed', (name, rows) => {
    const input = epochInput(seed, seed, rows, 4_096)
    expect(() => checkEpoch({ compute: loadAddon(), prove: false }, input, name)).not.toThrow()
    const reversed = spoilt(({ dividends }) => ({ dividends: dividends.toReversed() }))
    expect(() => checkEpoch({ compute: reversed, prove: false }, input, name)).toThrow(wrong)
  })

  test('in binary64 is the twin’s', () => {
    const input = epochInput(seed, seed, 64, 256)
    const [large, twin] = [largeEpoch(input), consensusReference.epoch(input)]
    for (const name of ['consensus', 'incentive', 'dividends'] as const)
      expect(Uint16Array.from(large[name], (share) => share * 65_535)).toEqual(twin[name])
  })
})

test('under a challenge exactly the largest epoch and game are not checked, and say so', async () => {
  const unchecked: string[] = []
  for (const subject of ['consensus', 'mixture'] as const)
    for await (const { metric } of subjects[subject](benchContext())) if (!metric.checked) unchecked.push(metric.metric)
  expect(unchecked).toEqual(['consensus.epoch.4096x4096', 'mixture.shapley.16x2048'])
}, 60_000)

describe('a game', () => {
  const spoilt = (over: (output: GameOutput) => Partial<GameOutput>) =>
    computeWith({
      mixture: {
        ...mixture,
        async shapley(input, options) {
          const output = await mixture.shapley(input, options)
          return { ...output, ...over(output) }
        },
      },
    })
  const alike = ({ phi, all, none }: GameOutput) => phi.map(() => BigInt(Math.round(((all - none) / phi.length) * 2 ** 32)))
  const swapped = ([first = 0n, second = 0n, ...rest]: BigInt64Array) => BigInt64Array.of(second, first, ...rest)
  // A verifier's game of 12 is checked as that of 16 is, which is too large for the twin.
  test.each([
    ['8, by the twin', 8, false],
    ['12, in binary64', 12, true],
    ['16, in binary64', 16, false],
  ])('of %s passes when it is right, and is found with contributions reversed, swapped or all alike', async (_, peers, prove) => {
    const input = game(seed, peers)
    await checkGame({ compute: loadAddon(), prove }, input)
    const plants: ((output: GameOutput) => Partial<GameOutput>)[] = [
      ({ phi }) => ({ phi: phi.toReversed() }),
      ({ phi }) => ({ phi: swapped(phi) }),
      (output) => ({ phi: alike(output) }),
      ({ all, none }) => ({ all: none, none: all }),
    ]
    for (const over of plants) await expect(checkGame({ compute: spoilt(over), prove }, input)).rejects.toThrow(wrong)
  })

  test('in binary64 is the twin’s', async () => {
    const input = game(seed, 5)
    const [large, twin] = [contributions(input), await mixtureReference.shapley(input)]
    twin.phi.forEach((phi, peer) => expect(large.phi[peer]).toBeCloseTo(Number(phi) / 2 ** 32, 9))
    expect(large.all).toBeCloseTo(twin.all, 12)
    expect(large.none).toBeCloseTo(twin.none, 12)
  })
})
