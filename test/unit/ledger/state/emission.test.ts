import { describe, expect, test } from 'vitest'
import { blockEmission } from '../../../../src/ledger/state/emission.ts'
import { queries } from '../../../../src/ledger/state/queries.ts'
import { ISSUANCE_MAX_RAO } from '../../../../src/protocol/amounts.ts'
import { key, TAU, testGenesis, World } from '../../../support/ledger-world.ts'

/** By halving, without a table: stage k ends where 21·10¹⁵ - floor(21·10¹⁵ / 2^(k+1)) is reached. */
function byHalving(issued: bigint): bigint {
  let reward = 1_000_000_000n
  let rest = 21_000_000_000_000_000n
  for (;;) {
    rest /= 2n
    if (issued < 21_000_000_000_000_000n - rest) return reward
    reward /= 2n
    if (reward === 0n) return 0n
  }
}
/** In closed form: k halvings leave at most 2^-k of all. */
function closedForm(issued: bigint): bigint {
  for (let k = 0n; k < 64n; k++)
    if ((ISSUANCE_MAX_RAO - issued) * 2n ** (k + 1n) > ISSUANCE_MAX_RAO - (ISSUANCE_MAX_RAO % 2n ** (k + 1n))) return 10n ** 9n / 2n ** k
  return 0n
}

describe('emission', () => {
  test('halves at 10.5, 15.75 and 18.375 million τ', () => {
    for (const [k, million] of [10_500_000n, 15_750_000n, 18_375_000n].entries()) {
      const threshold = million * TAU
      expect(blockEmission(threshold - 1n)).toBe(TAU >> BigInt(k))
      expect(blockEmission(threshold)).toBe(TAU >> BigInt(k + 1))
    }
  })
  test('three ways to compute it agree at every boundary, one before and one after', () => {
    let compared = 0
    for (let k = 0; k < 31; k++) {
      const threshold = ISSUANCE_MAX_RAO - ISSUANCE_MAX_RAO / 2n ** BigInt(k + 1)
      for (const issued of [threshold - 1n, threshold, threshold + 1n]) {
        expect(blockEmission(issued), `${issued}`).toBe(byHalving(issued))
        expect(closedForm(issued), `${issued}`).toBe(byHalving(issued))
        compared++
      }
    }
    expect(compared).toBe(93)
    expect(blockEmission(ISSUANCE_MAX_RAO)).toBe(0n)
  })
  test('without burning, the last rao comes at block 328,414,167, of 20,999,999,980,442,226', () => {
    let [issued, blocks] = [0n, 0n]
    const stages: bigint[] = []
    for (let reward = blockEmission(issued); reward > 0n && stages.length < 64; reward = blockEmission(issued)) {
      // All blocks of a stage at once: as many as it takes to reach its threshold.
      const threshold = ISSUANCE_MAX_RAO - ISSUANCE_MAX_RAO / 2n ** BigInt(stages.length + 1)
      const count = (threshold - issued + reward - 1n) / reward
      expect(blockEmission(issued + (count - 1n) * reward)).toBe(reward)
      issued += count * reward
      blocks += count
      stages.push(count)
    }
    expect(blocks).toBe(328_414_167n)
    expect(issued).toBe(20_999_999_980_442_226n)
    expect(stages).toHaveLength(30)
    expect(stages.slice(0, 10)).toEqual(Array.from({ length: 10 }, () => 10_500_000n))
  })
})

describe('the emission of a block', () => {
  test('goes to the treasury while no market holds stake', () => {
    const world = new World()
    world.to(3)
    expect(queries.head(world.state)).toMatchObject({ treasury: 3n * TAU, issuance: 43_003n * TAU })
  })
  test('goes by shares to the markets that hold a neuron with stake', () => {
    const world = new World()
    world.block([0, world.seal(2, 100)])
    expect(queries.markets(world.state).map(({ pendingEmission }) => pendingEmission)).toEqual([0n, TAU, 0n])
    world.block([0, world.seal(1, 100)])
    expect(queries.markets(world.state).map(({ pendingEmission }) => pendingEmission)).toEqual([(TAU * 3n) / 4n, TAU + TAU / 4n, 0n])
    world.block([5, world.seal(3, 105)])
    expect(queries.market(world.state, 3)).toMatchObject({ neurons: 1, pendingEmission: 0n })
  })
  test('what a division leaves is not lost', () => {
    const world = new World(
      testGenesis((genesis) => genesis.markets.forEach((market, i) => (market.parameters.emissionShare = [3, 3, 1][i] ?? 0))),
    )
    world.block([0, world.seal(1, 100)], [0, world.seal(2, 100)], [0, world.seal(3, 100)])
    const pending = queries.markets(world.state).map(({ pendingEmission }) => pendingEmission)
    expect(pending.reduce((sum, value) => sum + value, 0n)).toBe(TAU)
    expect(pending).toEqual([428_571_430n, 428_571_428n, 142_857_142n])
  })
  test('stops at the cap, and burning makes room again', () => {
    const world = new World(
      testGenesis((genesis) => {
        genesis.accounts = [{ coldkey: key(100), free: ISSUANCE_MAX_RAO - 3_000n * TAU - 100n }]
      }),
    )
    const before = queries.head(world.state).issuance
    world.block()
    expect(queries.head(world.state).issuance - before).toBe(blockEmission(before))
    world.block([100, { kind: 'register_burned', netuid: 1, hotkey: key(5), limit: TAU }])
    const { issuance } = queries.head(world.state)
    expect(issuance).toBe(before + blockEmission(before) - TAU + blockEmission(before + blockEmission(before) - TAU))
  })
})
