import { describe, expect, test } from 'vitest'
import { decodeEpochRecord, encodeEpochRecord } from '../../../../src/ledger/state/epoch-record.ts'
import type { EpochRecord } from '../../../../src/ledger/state/epoch-record.ts'
import { explain, historyPoints } from '../../../../src/ledger/state/explain.ts'
import { queries } from '../../../../src/ledger/state/queries.ts'
import { hexKey, key, TAU, testGenesis, World } from '../../../support/ledger-world.ts'

/** Validators 0 and 1, miners 5, 6 and 7 in market 1, all registered by height 5; weights committed for epoch 1 and revealed in 2. */
function market(
  rows: Record<number, number>[] = [
    { 2: 65_535, 3: 32_768, 4: 8_192 },
    { 2: 65_535, 3: 16_384, 4: 16_384 },
  ],
): World {
  const world = new World()
  world.block([0, world.seal(1, 100)])
  world.block([1, world.seal(1, 101)])
  for (const hotkey of [5, 6, 7]) world.block([hotkey, world.seal(1, 105)])
  world.to(9)
  const both = [0, 1].map((hotkey) => world.weights(hotkey, 1, 1n, rows[hotkey] ?? {}))
  expect(world.block(...both.map(({ commit }, hotkey) => [hotkey, commit] as [number, typeof commit])).refused).toEqual([])
  world.to(17)
  expect(world.block(...both.map(({ reveal }, hotkey) => [hotkey, reveal] as [number, typeof reveal])).refused).toEqual([])
  return world
}
const recordOf = (world: World): EpochRecord => {
  const [record] = world.last?.epochs ?? []
  if (!record) throw new Error('no epoch ended')
  return record
}

describe('an epoch', () => {
  test('ends at heights 7, 17, 27 in market 1, a block earlier in each further one', () => {
    const world = new World()
    const ends: [number, number][] = []
    while (world.height < 30) for (const { summary } of world.block().epochs) ends.push([summary.netuid, world.height])
    expect(ends).toEqual([5, 6, 7, 15, 16, 17, 25, 26, 27].map((height, i) => [3 - (i % 3), height]))
    expect(queries.market(world.state, 1)).toMatchObject({ epoch: 3n, blocksUntilEpoch: 7 })
    world.to(36)
    expect(queries.market(world.state, 1).blocksUntilEpoch).toBe(1)
    expect(world.block().epochs.map(({ summary }) => summary.netuid)).toEqual([1])
    expect(queries.market(world.state, 1).blocksUntilEpoch).toBe(10)
  })
  test('permits come at the first, revealed weights pay miners at the third', () => {
    const world = market()
    world.to(26)
    const before = [5, 6, 7].map((hotkey) => world.stake(hotkey))
    expect(before).toEqual([0n, 0n, 0n])
    const pending = queries.market(world.state, 1).pendingEmission
    const { events } = world.block()
    const epoch = events.find((event) => event.type === 'epoch')
    expect(epoch).toMatchObject({ netuid: 1, epoch: 2n, miners: 3, validators: 2, byWeights: true })
    expect(world.stake(5)).toBeGreaterThan(world.stake(6))
    expect(world.stake(6)).toBeGreaterThan(world.stake(7))
    expect(world.stake(7)).toBeGreaterThan(0n)
    const { summary, payouts } = recordOf(world)
    expect(summary.emission).toBe(pending + TAU)
    expect(payouts.reduce((sum, { amount }) => sum + amount, 0n)).toBe(summary.paid)
    expect(queries.market(world.state, 1).pendingEmission).toBe(summary.emission - summary.paid)
    expect(summary.emission - summary.paid).toBeLessThan(100n)
  })
  test('without weights pays validators by stake', () => {
    const world = new World()
    world.block([0, world.seal(1, 100)])
    world.block([1, world.seal(1, 101)])
    world.to(7)
    const { summary, output } = recordOf(world)
    expect(summary.byWeights).toBe(false)
    expect(output.serverEmission.every((amount) => amount === 0n)).toBe(true)
    const [first = 0n, second = 0n] = output.validatorEmission
    expect(Number(first) / Number(second)).toBeCloseTo(2, 6)
  })
  test('what could not be divided is carried to the next', () => {
    const world = market()
    world.to(27)
    const carried = queries.market(world.state, 1).pendingEmission
    world.to(37)
    expect(recordOf(world).summary.emission).toBe(carried + 10n * TAU)
  })
  test('a delegate takes its share first, then all stakers pro rata, the rest to the owner', () => {
    const world = new World(testGenesis((genesis) => (genesis.parameters.existentialDeposit = 1n)))
    world.block([0, world.seal(1, 100)], [100, { kind: 'become_delegate', hotkey: key(0), take: 11_796 }])
    world.block(
      [102, { kind: 'add_stake', hotkey: key(0), amount: 1_000n * TAU }],
      [103, { kind: 'add_stake', hotkey: key(0), amount: 1n }],
    )
    const before = queries.hotkey(world.state, hexKey(0))
    world.to(7)
    const { output, payouts } = recordOf(world)
    const validated = output.validatorEmission[0] ?? 0n
    const take = (validated * 11_796n) / 65_535n
    const shared = validated - take
    const second = (shared * 1_000n * TAU) / before.stake
    const third = shared / before.stake
    expect(payouts).toEqual(
      [
        { uid: 0, to: hexKey(102), as: 'delegation', amount: second },
        { uid: 0, to: hexKey(103), as: 'delegation', amount: third },
        { uid: 0, to: hexKey(100), as: 'take', amount: take },
        { uid: 0, to: hexKey(100), as: 'validator', amount: shared - second - third },
      ].filter(({ amount }) => amount > 0n),
    )
    expect(queries.account(world.state, hexKey(102)).stakes).toEqual([{ hotkey: hexKey(0), amount: 1_000n * TAU + second }])
  })
  test('who is no delegate keeps all, miners earn for their owner', () => {
    const world = market()
    world.to(27)
    const { payouts, output } = recordOf(world)
    expect(payouts.filter(({ as }) => as === 'take' || as === 'delegation')).toEqual([])
    for (const uid of [2, 3, 4])
      expect(payouts.filter((payout) => payout.uid === uid)).toEqual([
        { uid, to: hexKey(105), as: 'miner', amount: output.serverEmission[uid] },
      ])
  })
  test('scores are what neurons show', () => {
    const world = market()
    world.to(27)
    const { output, input } = recordOf(world)
    for (const neuron of queries.neurons(world.state, 1)) {
      const { uid } = neuron
      expect(neuron).toMatchObject({
        rank: output.rank[uid],
        consensus: output.consensus[uid],
        dividends: output.dividends[uid],
        validatorTrust: output.validatorTrust[uid],
        stakeAtEpoch: input.stake[uid],
        emission: (output.serverEmission[uid] ?? 0n) + (output.validatorEmission[uid] ?? 0n),
        active: output.active[uid] === 1,
      })
    }
    expect(queries.neuron(world.state, 1, 2).incentive).toBeGreaterThan(0)
  })
})

describe('the record of an epoch', () => {
  test('survives its bytes', () => {
    const world = market()
    world.to(27)
    const { input, output, ...record } = recordOf(world)
    const decoded = decodeEpochRecord(encodeEpochRecord({ input, output, ...record }))
    expect(decoded).toMatchObject(record)
    expect(decoded.input).toEqual({
      n: input.n,
      stake: input.stake,
      weights: input.weights,
      lastUpdate: input.lastUpdate,
      blockAtRegistration: input.blockAtRegistration,
      validatorPermit: input.validatorPermit,
    })
    expect(decoded.output.consensus).toEqual(output.consensus)
    expect(decoded.output.validatorEmission).toEqual(output.validatorEmission)
    expect(() => decodeEpochRecord(new Uint8Array(3))).toThrow(expect.objectContaining({ code: 'LEDGER_MALFORMED' }))
  })
  test('explains a miner: the votes lead to its rank, the payouts to its emission', () => {
    const world = market()
    world.to(27)
    const record = decodeEpochRecord(encodeEpochRecord(recordOf(world)))
    for (const uid of [2, 3, 4]) {
      const { votes, neuron, payouts, summary } = explain(record, uid)
      expect(votes.map((vote) => vote.hotkey)).toEqual([hexKey(0), hexKey(1)])
      expect(votes.reduce((sum, { stakeShare }) => sum + stakeShare, 0)).toBeCloseTo(1, 9)
      const ranks = [2, 3, 4].map((other) => explain(record, other).votes.reduce((sum, v) => sum + v.stakeShare * v.clipped, 0))
      const rank = (ranks[uid - 2] ?? 0) / ranks.reduce((sum, value) => sum + value, 0)
      expect(neuron.rank / 65_535).toBeCloseTo(rank, 3)
      expect(payouts.reduce((sum, { amount }) => sum + amount, 0n)).toBe(neuron.serverEmission + neuron.validatorEmission)
      expect(summary).toEqual(record.summary)
    }
    expect(() => explain(record, 5)).toThrow(expect.objectContaining({ code: 'LEDGER_NOT_FOUND' }))
    expect(historyPoints(record)).toHaveLength(5)
    expect(historyPoints(record)[2]).toMatchObject({ epoch: 2n, height: 27, stake: 0n, incentive: record.output.incentive[2] })
  })
})
