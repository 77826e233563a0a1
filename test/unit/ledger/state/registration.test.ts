import { describe, expect, test } from 'vitest'
import { Column } from '../../../../src/ledger/state/column.ts'
import { queries } from '../../../../src/ledger/state/queries.ts'
import { Rows } from '../../../../src/ledger/state/rows.ts'
import { toHex } from '../../../../src/protocol/bytes.ts'
import type { Genesis } from '../../../../src/protocol/genesis.ts'
import { hexKey, key, TAU, testGenesis, World } from '../../../support/ledger-world.ts'

const parameters = (change: Partial<Genesis['markets'][number]['parameters']>): Genesis =>
  testGenesis((genesis) => {
    for (const market of genesis.markets) Object.assign(market.parameters, change)
  })
/** Bytes as text, so that they can be compared with what is nothing. */
const textOf = (value: unknown): unknown => (value instanceof Uint8Array ? toHex(value) : value)
const uidOf = (world: World, hotkey: number, netuid = 1): number | undefined => queries.neuronOf(world.state, netuid, hexKey(hotkey))?.uid

describe('registration by proof of work', () => {
  test('gives the next uid, makes the rows and counts as one of the interval', () => {
    const world = new World()
    expect(world.outcome(5, world.seal(1, 105))).toBeNull()
    expect(world.outcome(6, world.seal(1, 105))).toBeNull()
    expect([uidOf(world, 5), uidOf(world, 6)]).toEqual([0, 1])
    expect(queries.hotkey(world.state, hexKey(5))).toMatchObject({ owner: hexKey(105), stake: 0n, nonce: 1n })
    expect(queries.market(world.state, 1)).toMatchObject({ neurons: 2, registrationsThisInterval: 2 })
    expect(queries.neuron(world.state, 1, 0)).toMatchObject({ registeredAt: 1, lastUpdate: 1, immune: true, permit: false })
  })
  test('the seal names a block at most two below the head', () => {
    const world = new World()
    world.to(10)
    for (const age of [3n, -1n, -(2n ** 40n)])
      expect(world.outcome(5, world.seal(1, 105, { block: BigInt(world.height) - age })), `age ${age}`).toBe('LEDGER_SEAL_STALE')
    expect(world.outcome(5, world.seal(1, 105, { block: 2n ** 64n - 1n }))).toBe('LEDGER_SEAL_STALE')
    // Each attempt above was a block: the head moves with them.
    for (const [hotkey, age] of [
      [5, 2n],
      [6, 1n],
      [7, 0n],
    ] as const)
      expect(world.outcome(hotkey, world.seal(1, 105, { block: BigInt(world.height) - age }))).toBeNull()
    expect(world.outcome(8, world.seal(1, 105, { block: BigInt(world.height) - 3n }))).toBe('LEDGER_SEAL_STALE')
  })
  test('a seal counts once over all markets, and is forgotten when its block is too old', () => {
    const world = new World()
    const seal = world.seal(1, 105)
    expect(world.outcome(5, seal)).toBeNull()
    expect(world.outcome(5, { ...seal, netuid: 2 } as typeof seal)).toBe('LEDGER_SEAL_USED')
    expect(world.outcome(5, { ...seal, netuid: 3 } as typeof seal)).toBe('LEDGER_SEAL_USED')
    expect(world.state.chain.seals.value.used).toHaveLength(1)
    world.to(4)
    expect(world.state.chain.seals.value.used).toHaveLength(0)
    expect(world.outcome(5, { ...seal, netuid: 2 } as typeof seal)).toBe('LEDGER_SEAL_STALE')
  })
  test('a weak seal is refused and leaves no row', () => {
    const world = new World(
      testGenesis((genesis) => {
        for (const market of genesis.markets)
          Object.assign(market, { difficulty: 2n ** 60n, parameters: { ...market.parameters, difficultyMax: 2n ** 60n } })
      }),
    )
    expect(world.outcome(5, world.seal(1, 105))).toBe('LEDGER_SEAL_WEAK')
    expect(queries.hotkey(world.state, hexKey(5))).toMatchObject({ owner: null, nonce: 0n })
    expect([world.state.signers.key.length, world.state.hotkeys.key.length]).toEqual([0, 2])
  })
  test('a seal is bound to its hotkey', () => {
    const world = new World(
      testGenesis((genesis) => {
        for (const market of genesis.markets) market.difficulty = 64n
      }),
    )
    const { pow } = world.parts
    const meets = (hotkey: number, nonce: bigint): boolean =>
      pow.verify({
        blockHashes: world.headHash,
        hotkeys: key(hotkey),
        nonces: BigUint64Array.of(nonce),
        difficulties: BigUint64Array.of(64n),
      }).meets[0] === 1
    const nonce = Array.from({ length: 10_000 }, (_, i) => BigInt(i)).find((n) => meets(5, n) && !meets(6, n))
    expect(world.outcome(6, world.seal(1, 105, { block: 0n, nonce: nonce ?? 0n }))).toBe('LEDGER_SEAL_WEAK')
  })
  test('a hotkey belongs to one coldkey and has one uid in a market', () => {
    const world = new World()
    expect(world.outcome(0, world.seal(1, 101))).toBe('LEDGER_HOTKEY_FOREIGN')
    expect(world.outcome(0, world.seal(1, 100))).toBeNull()
    expect(world.outcome(0, world.seal(1, 100))).toBe('LEDGER_REGISTERED')
    expect(world.outcome(0, world.seal(2, 100))).toBeNull()
    expect(world.outcome(0, world.seal(9, 100))).toBe('LEDGER_MARKET_UNKNOWN')
  })
  test('most per block and per interval, work and burning together', () => {
    const world = new World(parameters({ registrationsPerBlock: 2, registrationTarget: 1 }))
    const first = world.block([5, world.seal(1, 105)], [6, world.seal(1, 105)], [7, world.seal(1, 105)])
    expect(first.receipts).toHaveLength(2)
    expect(first.refused.map(({ error }) => error.code)).toEqual(['LEDGER_REGISTRATION_CAP'])
    const burn = { kind: 'register_burned', netuid: 1, hotkey: key(8), limit: TAU } as const
    expect(world.outcome(100, burn)).toBeNull()
    expect(world.outcome(100, { ...burn, hotkey: key(9) })).toBe('LEDGER_REGISTRATION_CAP')
    expect(world.outcome(9, world.seal(1, 105))).toBe('LEDGER_REGISTRATION_CAP')
    expect(world.outcome(9, world.seal(2, 105))).toBeNull()
    world.to(20)
    expect(world.outcome(10, world.seal(1, 105))).toBeNull()
  })
  test('a market that takes none takes none', () => {
    const world = new World(parameters({ registrationAllowed: false }))
    expect(world.outcome(5, world.seal(1, 105))).toBe('LEDGER_REGISTRATION_CLOSED')
  })
})

describe('registration by burning', () => {
  const burn = (hotkey: number, limit: bigint, netuid = 1) => ({ kind: 'register_burned', netuid, hotkey: key(hotkey), limit }) as const

  test('destroys the price, never more than the limit', () => {
    const world = new World()
    const before = queries.head(world.state)
    expect(world.outcome(100, burn(5, TAU - 1n))).toBe('LEDGER_BURN_LIMIT')
    expect(world.outcome(100, burn(5, TAU))).toBeNull()
    const after = queries.head(world.state)
    expect(after.issuance).toBe(before.issuance + 2n * TAU - TAU)
    expect(world.free(100)).toBe(9_999n * TAU - 200_000n)
    expect(uidOf(world, 5)).toBe(0)
    expect(queries.hotkey(world.state, hexKey(5)).owner).toBe(hexKey(100))
    expect(world.last?.events).toContainEqual({
      type: 'registered',
      netuid: 1,
      uid: 0,
      hotkey: hexKey(5),
      coldkey: hexKey(100),
      burned: TAU,
    })
  })
  test('who cannot pay fails, whose hotkey it is not fails', () => {
    const world = new World()
    world.block([100, { kind: 'transfer', to: key(200), amount: TAU }])
    expect(world.outcome(200, burn(5, TAU))).toBe('LEDGER_BALANCE')
    expect(world.outcome(101, burn(0, TAU))).toBe('LEDGER_HOTKEY_FOREIGN')
    expect(uidOf(world, 0)).toBeUndefined()
  })
})

describe('a full market', () => {
  const full = (change: Partial<Genesis['markets'][number]['parameters']> = {}): World => {
    const world = new World(
      parameters({ neuronsMax: 3, prunableFloor: 0, registrationsPerBlock: 4, registrationTarget: 100, immunityPeriod: 30, ...change }),
    )
    for (const hotkey of [5, 6, 7]) world.block([hotkey, world.seal(1, 105)])
    return world
  }

  test('gives up the neuron with the lowest score, of these the oldest, none that is immune', () => {
    const world = full()
    expect(world.outcome(8, world.seal(1, 105))).toBe('LEDGER_NOTHING_PRUNABLE')
    world.to(32)
    // Only uid 0 (since 1) and 1 (since 2) are past 30 blocks at height 33; all have the same score.
    expect(world.outcome(8, world.seal(1, 105))).toBeNull()
    expect(uidOf(world, 8)).toBe(0)
    expect(uidOf(world, 5)).toBeUndefined()
    expect(world.last?.events).toContainEqual({ type: 'deregistered', netuid: 1, uid: 0, hotkey: hexKey(5) })
    expect(world.outcome(9, world.seal(1, 105))).toBeNull()
    expect(uidOf(world, 9)).toBe(1)
  })
  test('a higher score survives an older registration', () => {
    const world = new World(
      parameters({ neuronsMax: 3, prunableFloor: 0, registrationsPerBlock: 4, registrationTarget: 100, immunityPeriod: 30 }),
    )
    // The validator with stake is the oldest and has the highest score.
    for (const [hotkey, coldkey] of [
      [0, 100],
      [6, 105],
      [7, 105],
    ] as const)
      world.block([hotkey, world.seal(1, coldkey)])
    world.to(40)
    expect(queries.neuron(world.state, 1, 0).pruningScore).toBeGreaterThan(0)
    expect(world.outcome(8, world.seal(1, 105))).toBeNull()
    expect([uidOf(world, 0), uidOf(world, 6), uidOf(world, 8)]).toEqual([0, undefined, 1])
  })
  test('refuses while no more than the floor are past immunity', () => {
    const world = full({ prunableFloor: 2 })
    world.to(31)
    expect(world.outcome(8, world.seal(1, 105))).toBe('LEDGER_NOTHING_PRUNABLE')
    expect(world.height).toBe(32)
    expect(world.outcome(8, world.seal(1, 105))).toBeNull()
  })
  test('leaves nothing of the neuron that had the uid', () => {
    const world = full()
    world.to(34)
    // Whatever a neuron can have, uid 0 has it.
    const forged = world.state.fork()
    forged.headHash = world.headHash
    const { parts } = forged.market(1)
    for (const part of Object.values(parts))
      if (part instanceof Rows) part.set(0, new Uint8Array(56).fill(1))
      else if (part instanceof Column && part !== parts.hotkey && part !== parts.registeredAt && part !== parts.pruningScore)
        part.set(0, (typeof part.get(0) === 'object' ? key(1) : typeof part.get(0) === 'bigint' ? 1n : 1) as never)
    world.state = forged
    expect(world.outcome(8, world.seal(1, 105))).toBeNull()
    const height = world.height
    const { hotkey, coldkey, ...rest } = queries.neuron(world.state, 1, 0)
    expect([hotkey, coldkey]).toEqual([hexKey(8), hexKey(105)])
    const clean = {
      rank: 0,
      trust: 0,
      consensus: 0,
      incentive: 0,
      dividends: 0,
      validatorTrust: 0,
      pruningScore: 0,
      emission: 0n,
      stakeAtEpoch: 0n,
    }
    const rows = { netuid: 1, uid: 0, stake: 0n, permit: false, active: true, lastUpdate: height, registeredAt: height, immune: true }
    expect(rest).toEqual({ ...clean, ...rows, addresses: [], model: null })
    const now = world.state.market(1).parts
    let looked = 0
    for (const [name, part] of Object.entries(now)) {
      if (part instanceof Rows) expect(part.get(0), name).toHaveLength(0)
      else if (!(part instanceof Column) || ['hotkey', 'registeredAt', 'lastUpdate', 'active'].includes(name)) continue
      else expect([0, 0n, false, '0'.repeat(64)], name).toContain(textOf(part.get(0)))
      looked++
    }
    expect(looked).toBeGreaterThan(20)
  })
})
