import { describe, expect, test } from 'vitest'
import { queries } from '../../../../src/ledger/state/queries.ts'
import type { Genesis } from '../../../../src/protocol/genesis.ts'
import type { Action } from '../../../../src/protocol/ports/ledger.ts'
import { hexKey, key, TAU, testGenesis, World } from '../../../support/ledger-world.ts'

/** Validators 0 and 1 with permits and miner 5 in market 1, in epoch 1 (heights 8 to 17), so that weights may be committed. */
function market(change: (genesis: Genesis) => void = () => {}): World {
  const world = new World(testGenesis(change))
  world.block([0, world.seal(1, 100)], [1, world.seal(1, 101)], [5, world.seal(1, 105)])
  world.to(8)
  return world
}
const uidOf = (world: World, hotkey: number): number => queries.neuronOf(world.state, 1, hexKey(hotkey))?.uid ?? -1
const rowOf = (world: World, hotkey: number) => queries.weights(world.state, 1).find(({ uid }) => uid === uidOf(world, hotkey))
const changed = <A extends Action>(action: Action, change: Partial<A>): Action => ({ ...action, ...change })

describe('weights', () => {
  test('count from the reveal, as of the height of their commitment', () => {
    const world = market()
    const target = uidOf(world, 5)
    const { commit, reveal } = world.weights(0, 1, 1n, { [target]: 65_535 })
    expect(world.outcome(0, commit)).toBeNull()
    const height = world.height
    expect(rowOf(world, 0)).toBeUndefined()
    expect(queries.neuron(world.state, 1, uidOf(world, 0)).lastUpdate).toBe(1)
    world.to(18)
    expect(world.outcome(0, reveal)).toBeNull()
    expect(rowOf(world, 0)).toEqual({ uid: uidOf(world, 0), uids: [target], values: [65_535], lastUpdate: height })
    expect(world.last?.events).toContainEqual(expect.objectContaining({ type: 'weights_revealed', epoch: 1n, targets: 1 }))
  })
  test('a commitment is for the epoch under way, the first one counts', () => {
    const world = market()
    const target = uidOf(world, 5)
    for (const epoch of [0n, 2n, 2n ** 64n - 1n])
      expect(world.outcome(0, world.weights(0, 1, epoch, { [target]: 1 }).commit)).toBe('LEDGER_COMMIT_EPOCH')
    expect(world.outcome(0, world.weights(0, 1, 1n, { [target]: 1 }).commit)).toBeNull()
    expect(world.outcome(0, world.weights(0, 1, 1n, { [target]: 2 }).commit)).toBe('LEDGER_COMMIT_REPEATED')
    world.to(17)
    expect(world.outcome(0, world.weights(0, 1, 2n, { [target]: 2 }).commit)).toBeNull()
  })
  test('an early, a late and a second reveal are refused, and nothing that differs in anything passes', () => {
    const world = market()
    const target = uidOf(world, 5)
    const { commit, reveal } = world.weights(0, 1, 1n, { [target]: 9 })
    expect(world.outcome(0, reveal)).toBe('LEDGER_REVEAL_UNKNOWN')
    world.block([0, commit])
    expect(world.outcome(0, reveal)).toBe('LEDGER_REVEAL_EPOCH')
    world.to(18)
    for (const change of [
      { values: Uint16Array.of(8) },
      { uids: Uint16Array.of(uidOf(world, 1)) },
      { salt: key(3) },
      { evidence: key(3) },
      { uids: new Uint16Array(0), values: new Uint16Array(0) },
    ])
      expect(world.outcome(0, changed(reveal, change))).toBe('LEDGER_REVEAL_MISMATCH')
    expect(world.outcome(0, changed(reveal, { epoch: 2n }))).toBe('LEDGER_REVEAL_UNKNOWN')
    // The commitment binds the hotkey: another validator cannot take it over (M19).
    expect(world.outcome(1, reveal)).toBe('LEDGER_REVEAL_UNKNOWN')
    expect(world.outcome(0, reveal)).toBeNull()
    expect(world.outcome(0, reveal)).toBe('LEDGER_REVEAL_UNKNOWN')
  })
  test('a stolen commitment cannot be revealed by the thief', () => {
    const world = market()
    const { commit, reveal } = world.weights(0, 1, 1n, { [uidOf(world, 5)]: 9 })
    world.block([0, commit], [1, commit])
    world.to(18)
    expect(world.outcome(1, reveal)).toBe('LEDGER_REVEAL_MISMATCH')
    expect(world.outcome(0, reveal)).toBeNull()
  })
  test('who does not reveal in time loses the row before the epoch is computed', () => {
    const world = market()
    const target = uidOf(world, 5)
    const first = world.weights(0, 1, 1n, { [target]: 9 })
    world.block([0, first.commit])
    world.to(17)
    const second = world.weights(0, 1, 2n, { [target]: 5 })
    world.block([0, first.reveal], [0, second.commit])
    world.to(27)
    expect(rowOf(world, 0)?.values).toEqual([9])
    expect(world.stake(5)).toBeGreaterThan(0n)
    world.to(36)
    expect(rowOf(world, 0)?.values).toEqual([9])
    const { events } = world.block()
    expect(rowOf(world, 0)).toBeUndefined()
    expect(events).toContainEqual(expect.objectContaining({ type: 'epoch', netuid: 1, miners: 0, byWeights: false }))
    expect(world.outcome(0, second.reveal)).toBe('LEDGER_REVEAL_UNKNOWN')
  })
  test('who commits nothing keeps the row', () => {
    const world = market()
    const { commit, reveal } = world.weights(0, 1, 1n, { [uidOf(world, 5)]: 9 })
    world.block([0, commit])
    world.to(17)
    world.block([0, reveal])
    world.to(58)
    expect(rowOf(world, 0)?.values).toEqual([9])
  })
  test('a permit without the stake of a validator does not count', () => {
    const world = market()
    expect(queries.neuron(world.state, 1, uidOf(world, 5)).permit).toBe(true)
    expect(world.outcome(5, world.weights(5, 1, 1n, { 0: 1 }).commit)).toBe('LEDGER_PERMIT')
    expect(world.outcome(9, world.weights(9, 1, 1n, { 0: 1 }).commit)).toBe('LEDGER_HOTKEY_UNKNOWN')
    const { commit, reveal } = world.weights(1, 1, 1n, { 0: 1 })
    expect(world.outcome(1, commit)).toBeNull()
    world.block([101, { kind: 'remove_stake', hotkey: key(1), amount: 500n * TAU }])
    world.to(18)
    expect(world.outcome(1, reveal)).toBe('LEDGER_PERMIT')
  })
  test('no permit before the first epoch', () => {
    const world = new World()
    world.block([0, world.seal(1, 100)])
    expect(world.outcome(0, world.weights(0, 1, 0n, { 0: 1 }).commit)).toBe('LEDGER_PERMIT')
  })
  test('a row names uids that are taken, at least the minimum, none above the limit', () => {
    const reveals = (change: (genesis: Genesis) => void, row: Record<number, number>): string | null => {
      const world = market(change)
      const { commit, reveal } = world.weights(0, 1, 1n, row)
      world.block([0, commit])
      world.to(18)
      return world.outcome(0, reveal)
    }
    const each = (change: Partial<Genesis['markets'][number]['parameters']>) => (genesis: Genesis) => {
      for (const market of genesis.markets) Object.assign(market.parameters, change)
    }
    expect(reveals(() => {}, { 3: 1 })).toBe('LEDGER_WEIGHTS')
    expect(reveals(() => {}, {})).toBe('LEDGER_WEIGHTS')
    expect(reveals(() => {}, { 2: 0 })).toBeNull()
    expect(reveals(each({ weightsMin: 3 }), { 0: 1, 1: 1 })).toBe('LEDGER_WEIGHTS')
    expect(reveals(each({ weightsMin: 8 }), { 0: 1, 1: 1, 2: 1 })).toBeNull()
    expect(reveals(each({ weightLimit: 32_768 }), { 0: 1, 1: 2, 2: 3 })).toBeNull()
    expect(reveals(each({ weightLimit: 32_767 }), { 0: 1, 1: 2, 2: 3 })).toBe('LEDGER_WEIGHTS')
    // The share that a validator gives itself is masked when scoring, and so free.
    expect(reveals(each({ weightLimit: 32_767 }), { 0: 9, 1: 1, 2: 1 })).toBeNull()
    expect(reveals(each({ weightLimit: 20_000 }), { 0: 3, 1: 3, 2: 3 })).toBe('LEDGER_WEIGHTS')
  })
  test('at most one open commitment an epoch, so at most lag and one', () => {
    const world = market((genesis) => {
      for (const { parameters } of genesis.markets) Object.assign(parameters, { revealLag: 9, immunityPeriod: 200 })
    })
    for (let epoch = 1; epoch <= 14; epoch++) {
      world.to(10 * epoch)
      expect(world.outcome(0, world.weights(0, 1, BigInt(epoch), { 0: 1 }).commit)).toBeNull()
      expect(world.state.market(1).parts.commitments.get(uidOf(world, 0)).length / 56).toBe(Math.min(epoch, 10))
    }
  })
})

describe('what a neuron says of itself', () => {
  const serve = (change: object = {}): Action => ({
    kind: 'serve',
    netuid: 1,
    addresses: ['/ip4/10.0.0.1/tcp/8095'],
    httpIp: new Uint8Array(16),
    httpPort: 0,
    ...change,
  })
  const model = (change: object = {}): Action => ({
    kind: 'commit_model',
    netuid: 1,
    root: key(7),
    class: 2,
    sequenceLength: 256,
    ...change,
  })

  test('an endpoint, once per interval', () => {
    const world = market()
    expect(world.outcome(5, serve())).toBeNull()
    expect(queries.neuron(world.state, 1, uidOf(world, 5)).addresses).toEqual(['/ip4/10.0.0.1/tcp/8095'])
    expect(world.outcome(5, serve())).toBe('LEDGER_RATE_LIMITED')
    expect(world.outcome(5, serve({ addresses: [] }))).toBeNull()
    expect(queries.neuron(world.state, 1, uidOf(world, 5)).addresses).toEqual([])
    expect(world.outcome(5, serve({ netuid: 2 }))).toBe('LEDGER_NOT_REGISTERED')
    expect(world.outcome(5, serve({ netuid: 4 }))).toBe('LEDGER_MARKET_UNKNOWN')
  })
  test('a second one in the same block is refused and takes no room', () => {
    const world = market()
    const { receipts, refused, accepted } = world.block([5, serve()], [5, serve()])
    expect([receipts.length, refused.length, accepted.length]).toEqual([1, 1, 1])
    expect(refused[0]?.error.code).toBe('LEDGER_RATE_LIMITED')
    expect(queries.nonce(world.state, hexKey(5))).toBe(2n)
  })
  test('a model, once per market and epoch', () => {
    const world = market()
    expect(queries.neuron(world.state, 1, uidOf(world, 5)).model).toBeNull()
    expect(world.outcome(5, model({ root: new Uint8Array(32) }))).toBeNull()
    expect(queries.neuron(world.state, 1, uidOf(world, 5)).model).toEqual({
      root: '0'.repeat(64),
      class: 2,
      sequenceLength: 256,
      height: world.height,
    })
    expect(world.outcome(5, model())).toBe('LEDGER_MODEL_REPEATED')
    world.to(17)
    expect(world.outcome(5, model())).toBeNull()
  })
})
