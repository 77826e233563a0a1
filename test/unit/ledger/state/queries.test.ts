import { describe, expect, test } from 'vitest'
import { queries } from '../../../../src/ledger/state/queries.ts'
import { chainParameterSpecs, marketParameterSpecs } from '../../../../src/protocol/parameters.ts'
import { hexKey, key, TAU, World } from '../../../support/ledger-world.ts'

const notFound = expect.objectContaining({ code: 'LEDGER_NOT_FOUND' })

describe('queries', () => {
  test('every governed parameter by name, those of a market under its name', () => {
    const found = queries.parameters(new World().state)
    expect(Object.keys(found)).toHaveLength(Object.keys(chainParameterSpecs).length + 3 * Object.keys(marketParameterSpecs).length)
    expect(found).toMatchObject({ baseFee: 100_000n, blockTimeMs: 1_000, 'completion.tempo': 9, 'images.emissionShare': 2_000 })
    expect(found['summarization.fallbackRoot']).toBe('0'.repeat(64))
  })
  test('markets say their shares and when they pay', () => {
    const markets = queries.markets(new World().state)
    expect(markets.map(({ netuid, name, emissionShare, blocksUntilEpoch }) => [netuid, name, emissionShare, blocksUntilEpoch])).toEqual([
      [1, 'completion', 0.6, 7],
      [2, 'summarization', 0.2, 6],
      [3, 'images', 0.2, 5],
    ])
  })
  test('what is not there', () => {
    const { state } = new World()
    expect(() => queries.market(state, 4)).toThrow(notFound)
    expect(() => queries.neurons(state, 0)).toThrow(notFound)
    for (const uid of [0, -1, 0.5, Number.NaN]) expect(() => queries.neuron(state, 1, uid)).toThrow(notFound)
    expect(queries.neuronOf(state, 1, hexKey(0))).toBeNull()
    for (const text of ['', 'xyz', hexKey(0).toUpperCase(), `0x${hexKey(0)}`])
      expect(() => queries.account(state, text), text).toThrow(notFound)
    expect(queries.account(state, hexKey(77))).toEqual({ coldkey: hexKey(77), free: 0n, locked: 0n, nonce: 0n, stakes: [] })
    expect(queries.hotkey(state, hexKey(77))).toEqual({ hotkey: hexKey(77), owner: null, take: 0, stake: 0n, nonce: 0n, delegations: [] })
  })
  test('access counts all stake behind a hotkey and what a coldkey has staked itself', () => {
    const world = new World()
    world.block([0, world.seal(1, 100)], [5, world.seal(1, 105)], [100, { kind: 'become_delegate', hotkey: key(0), take: 0 }])
    world.block(
      [102, { kind: 'add_stake', hotkey: key(0), amount: 1_000n * TAU }],
      [103, { kind: 'add_stake', hotkey: key(0), amount: TAU - 1n }],
    )
    const access = new Map(queries.access(world.state, 1).map((entry) => [entry.key, entry]))
    const total = Number(queries.head(world.state).totalStake)
    expect(access.get(hexKey(0))).toMatchObject({ registered: true, admitted: true, permit: false })
    expect(access.get(hexKey(0))?.share).toBeCloseTo(Number(3_001n * TAU - 1n) / total, 9)
    expect(access.get(hexKey(1))).toMatchObject({ registered: false, admitted: true })
    expect(access.get(hexKey(5))).toEqual({ key: hexKey(5), registered: true, permit: false, admitted: false, share: 0 })
    expect(access.get(hexKey(102))?.share).toBeCloseTo(Number(1_000n * TAU) / total, 9)
    // Below the market's minimum, and not registered: a stranger.
    expect(access.get(hexKey(103))).toBeUndefined()
    world.to(7)
    const after = new Map(queries.access(world.state, 1).map((entry) => [entry.key, entry]))
    expect(after.get(hexKey(0))?.permit).toBe(true)
    expect(after.get(hexKey(5))?.permit).toBe(false)
    expect(queries.neuronOf(world.state, 1, hexKey(5))?.permit).toBe(true)
  })
})
