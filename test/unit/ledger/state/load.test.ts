import { describe, expect, test } from 'vitest'
import { deserialize, initialState, root, serialize } from '../../../../src/ledger/state/load.ts'
import { queries } from '../../../../src/ledger/state/queries.ts'
import { toHex } from '../../../../src/protocol/bytes.ts'
import { key, TAU, testGenesis, testParts, World } from '../../../support/ledger-world.ts'
import { stateType } from '../../../support/state-type.ts'

/** A ledger with something in every table. */
function lively(): World {
  const world = new World()
  world.block([0, world.seal(1, 100)], [5, world.seal(1, 105)], [100, { kind: 'become_delegate', hotkey: key(0), take: 9 }])
  world.block([0, world.seal(2, 100)], [102, { kind: 'add_stake', hotkey: key(0), amount: 5n * TAU }], [6, world.seal(1, 106)])
  world.block([5, { kind: 'serve', netuid: 1, addresses: ['/ip4/1.2.3.4/tcp/1'], httpIp: new Uint8Array(16).fill(1), httpPort: 80 }])
  world.block([6, { kind: 'commit_model', netuid: 1, root: key(7), class: 3, sequenceLength: 4_096 }])
  world.to(9)
  world.block([0, world.weights(0, 1, 1n, { 1: 5, 2: 65_535 }).commit])
  world.to(18)
  world.block([0, world.weights(0, 1, 1n, { 1: 5, 2: 65_535 }).reveal], [0, world.weights(0, 1, 2n, { 1: 1 }).commit])
  world.to(28)
  return world
}

describe('the state', () => {
  test('has the root and the bytes that any SSZ library gives', () => {
    const { state } = lively()
    const bytes = serialize(state)
    const value = stateType.deserialize(bytes)
    expect(toHex(stateType.hashTreeRoot(value))).toBe(toHex(root(state)))
    expect(stateType.serialize(value)).toEqual(bytes)
    const empty = new World().state
    expect(toHex(stateType.hashTreeRoot(stateType.deserialize(serialize(empty))))).toBe(toHex(root(empty)))
  })
  test('goes on from its bytes exactly as it would have', () => {
    const world = lively()
    const copy = new World()
    copy.state = deserialize(serialize(world.state), world.state.headHash)
    expect(toHex(copy.state.root())).toBe(toHex(world.state.root()))
    expect(queries.markets(copy.state)).toEqual(queries.markets(world.state))
    expect(queries.access(copy.state, 1)).toEqual(queries.access(world.state, 1))
    for (let i = 0; i < 60; i++) {
      const wanted = i === 7 ? ([[100, { kind: 'transfer', to: key(300), amount: TAU }]] as const) : []
      const [a, b] = [
        world.block(...wanted.map(([n, action]) => [n, action] as [number, typeof action])),
        copy.block(...wanted.map(([n, action]) => [n, action] as [number, typeof action])),
      ]
      expect(toHex(b.hash)).toBe(toHex(a.hash))
      expect(b.events).toEqual(a.events)
    }
  })
  test('forgets keys on the same day whether it was loaded or not', () => {
    const world = new World()
    world.block([100, { kind: 'transfer', to: key(300), amount: 200_000n }])
    world.block([300, { kind: 'transfer', to: key(100), amount: 100_000n }])
    world.to(600)
    const copy = new World()
    copy.state = deserialize(serialize(world.state), world.headHash)
    world.to(1_000)
    copy.to(1_000)
    expect(queries.nonce(world.state, toHex(key(300)))).toBe(1n)
    for (const height of [1_001, 1_002, 1_003]) {
      world.to(height)
      copy.to(height)
      expect(toHex(copy.headHash), `${height}`).toBe(toHex(world.headHash))
    }
    expect(queries.nonce(world.state, toHex(key(300)))).toBe(0n)
  })
  test('is what the genesis says at height 0', () => {
    const state = initialState(testGenesis(), testParts)
    expect(queries.head(state)).toMatchObject({ height: 0, issuance: 43_000n * TAU, totalStake: 3_000n * TAU, treasury: 0n, kind: 'local' })
    expect(queries.head(state).hash).toBe(queries.head(state).genesisHash)
  })
  test('of a network with a validator of its own stake starts with rows for it', () => {
    const state = initialState(testGenesis(), testParts)
    expect(queries.account(state, toHex(key(100)))).toMatchObject({
      free: 10_000n * TAU,
      stakes: [{ hotkey: toHex(key(0)), amount: 2_000n * TAU }],
    })
    expect(queries.hotkey(state, toHex(key(0)))).toMatchObject({ owner: toHex(key(100)), stake: 2_000n * TAU })
  })
})

describe('bytes of a state are refused', () => {
  const bytes = serialize(lively().state)
  const codes = ['LEDGER_STATE', 'LEDGER_INVARIANT']
  const codeOf = (given: Uint8Array): string => {
    try {
      deserialize(given)
    } catch (error) {
      return (error as { code?: string }).code ?? String(error)
    }
    return 'accepted'
  }

  test('when they end early or late', () => {
    for (let length = 0; length < bytes.length; length += 97)
      expect(codeOf(bytes.subarray(0, length)), `${length} bytes`).toBe('LEDGER_STATE')
    expect(codes).toContain(codeOf(Uint8Array.from([...bytes, 0])))
  })
  test('or give another root, for any bit', () => {
    const known = toHex(deserialize(bytes).root())
    let [caught, other] = [0, 0]
    for (let at = 0; at < bytes.length; at += 31) {
      const flipped = bytes.slice()
      flipped[at] = (flipped[at] ?? 0) ^ (1 << (at % 8))
      const code = codeOf(flipped)
      if (code === 'accepted') {
        expect(toHex(deserialize(flipped).root()), `byte ${at}`).not.toBe(known)
        other++
      } else {
        expect(codes, `byte ${at}: ${code}`).toContain(code)
        caught++
      }
    }
    expect(caught).toBeGreaterThan(20)
    expect(other).toBeGreaterThan(20)
  })
  test('when money does not add up', () => {
    const { state } = lively()
    const fork = state.fork()
    fork.accounts.free.set(0, fork.accounts.free.get(0) + 1n)
    expect(codeOf(fork.encode())).toBe('LEDGER_INVARIANT')
    const stakes = state.fork()
    stakes.hotkeys.stake.set(0, stakes.hotkeys.stake.get(0) + 1n)
    expect(codeOf(stakes.encode())).toBe('LEDGER_INVARIANT')
    const twice = state.fork()
    twice.accounts.key.set(1, twice.accounts.key.get(0))
    expect(codeOf(twice.encode())).toBe('LEDGER_STATE')
    const vacant = state.fork()
    vacant.accounts.vacant.push(0)
    expect(codeOf(vacant.encode())).toBe('LEDGER_STATE')
  })
})
