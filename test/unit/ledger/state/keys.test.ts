import { describe, expect, test } from 'vitest'
import { queries } from '../../../../src/ledger/state/queries.ts'
import { hexKey, key, TAU, testGenesis, World } from '../../../support/ledger-world.ts'

const rows = ({ state }: World): number[] =>
  [state.signers, state.accounts, state.hotkeys].map(({ key: column, vacant }) => column.length - vacant.length)

describe('rows of keys', () => {
  test('stay while they hold money, whatever their age', () => {
    const world = new World()
    world.block([100, { kind: 'transfer', to: key(200), amount: TAU }])
    world.to(1_010)
    expect(world.free(200)).toBe(TAU)
    expect(queries.nonce(world.state, hexKey(100))).toBe(1n)
  })
  test('of a pruned hotkey go at once when it was last used long ago, and its owner with it', () => {
    const world = new World(
      testGenesis((genesis) => {
        for (const { parameters } of genesis.markets)
          Object.assign(parameters, { neuronsMax: 2, prunableFloor: 0, registrationTarget: 1_000, registrationsPerBlock: 4 })
      }),
    )
    const before = rows(world)
    world.block([5, world.seal(1, 105)])
    world.block([6, world.seal(1, 106)])
    expect(rows(world)).toEqual([2, (before[1] ?? 0) + 2, (before[2] ?? 0) + 2])
    world.to(1_050)
    // A uid keeps the row, though its key has not signed for a thousand blocks.
    expect(queries.neuronOf(world.state, 1, hexKey(5))?.uid).toBe(0)
    expect(world.outcome(7, world.seal(1, 107))).toBeNull()
    expect(queries.hotkey(world.state, hexKey(5)).owner).toBeNull()
    expect(world.state.account(key(105))).toBeUndefined()
    expect(queries.nonce(world.state, hexKey(5))).toBe(0n)
    expect(rows(world)).toEqual([2, (before[1] ?? 0) + 2, (before[2] ?? 0) + 2])
  })
  test('of a hotkey without stake and uid stay for a thousand blocks after the last stake left', () => {
    const world = new World()
    world.block([101, { kind: 'become_delegate', hotkey: key(1), take: 5 }])
    world.block([101, { kind: 'remove_stake', hotkey: key(1), amount: 1_000n * TAU }])
    world.to(1_001)
    expect(queries.hotkey(world.state, hexKey(1))).toMatchObject({ owner: hexKey(101), take: 5 })
    world.block()
    expect(queries.hotkey(world.state, hexKey(1)).owner).toBeNull()
    expect(world.outcome(101, { kind: 'add_stake', hotkey: key(1), amount: TAU })).toBe('LEDGER_HOTKEY_UNKNOWN')
  })
  test('are used again: as many as are alive, after any number of keys came and went', () => {
    const world = new World()
    const before = rows(world)
    for (let round = 0; round < 3; round++) {
      for (let i = 0; i < 20; i++) {
        const coldkey = 1_000 + 20 * round + i
        world.block([100, { kind: 'transfer', to: key(coldkey), amount: 200_000n }])
        world.block([coldkey, { kind: 'transfer', to: key(100), amount: 100_000n }])
      }
      world.to(world.height + 1_001)
    }
    const [signers, accounts] = rows(world)
    expect([signers, accounts]).toEqual([(before[0] ?? 0) + 1, before[1]])
    expect(world.state.accounts.key.length).toBeLessThanOrEqual((before[1] ?? 0) + 20)
    expect(world.state.signers.key.length).toBeLessThanOrEqual(21)
  })
})
