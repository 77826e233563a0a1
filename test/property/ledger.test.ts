import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { admit } from '../../src/ledger/state/apply.ts'
import { deserialize } from '../../src/ledger/state/load.ts'
import { queries } from '../../src/ledger/state/queries.ts'
import { toHex } from '../../src/protocol/bytes.ts'
import { runConservation } from '../support/conservation.ts'
import { COLDKEYS, commandArbitrary, concrete, crowdedGenesis, historyArbitrary, HOTKEYS, play } from '../support/ledger-histories.ts'
import { checkLaws } from '../support/ledger-laws.ts'
import { Model } from '../support/ledger-model.ts'
import type { Outcome } from '../support/ledger-model.ts'
import { hexKey, key, TAU, testParts, World } from '../support/ledger-world.ts'
import { testSeed } from '../support/random.ts'

/** How much of a release run this is: 1 in `npm test`; the floor of CI is 20 (reliability.md 6.2, S7). */
const scale = Number(process.env['TAUMESH_LEDGER_SCALE'] ?? 1)
const runs = (numRuns: number): fc.Parameters<unknown> => ({ seed: testSeed(), numRuns: Math.ceil(numRuns * scale), endOnFailure: false })
const hotkeys = Array.from({ length: HOTKEYS }, (_, n) => n)
const coldkeys = Array.from({ length: COLDKEYS }, (_, n) => 100 + n)

/** What the real machine and the model both say of everything. */
function seenOf({ state }: World): unknown {
  const head = queries.head(state)
  return {
    head: [head.issuance, head.totalStake, head.treasury],
    free: coldkeys.map((n) => [queries.account(state, hexKey(n)).free, queries.nonce(state, hexKey(n))]),
    hotkeys: hotkeys.map((n) => {
      const { owner, take, stake, nonce, delegations } = queries.hotkey(state, hexKey(n))
      return [owner, take, stake, nonce, delegations.map(({ coldkey, amount }) => [coldkey, amount])]
    }),
    markets: queries
      .markets(state)
      .map((market) => [
        [market.difficulty, market.burnPrice, market.registrationsThisInterval, market.pendingEmission, market.epoch],
        queries.neurons(state, market.netuid).map((n) => [n.hotkey, n.registeredAt, n.lastUpdate, n.permit, n.pruningScore]),
        queries.weights(state, market.netuid).map(({ uid, uids, values }) => [uid, uids, values]),
      ]),
  }
}
function modelled(model: Model): unknown {
  return {
    head: [model.issuance, model.totalStake(), model.treasury],
    free: coldkeys.map((n) => [model.balance(hexKey(n)), model.nonce(hexKey(n))]),
    hotkeys: hotkeys.map((n) => {
      const known = model.hotkeys.get(hexKey(n))
      const stakers = model.stakers(hexKey(n)).sort(([a], [b]) => (a < b ? -1 : 1))
      return [known?.owner ?? null, known?.take ?? 0, model.behind(hexKey(n)), model.nonce(hexKey(n)), stakers]
    }),
    markets: model.markets.map((market) => [
      [market.difficulty, market.burnPrice, market.worked + market.burned, market.pending, BigInt(market.epoch)],
      market.neurons.map((n) => [n.hotkey, n.registeredAt, n.lastUpdate, n.permit, n.pruningScore]),
      [...market.neurons.entries()]
        .filter(([, { weights }]) => weights.size > 0)
        .map(([uid, { weights }]) => [uid, [...weights.keys()], [...weights.values()]]),
    ]),
  }
}
const outcomesOf = (world: World, count: number): Outcome[] => {
  const refused = new Set(world.last?.refused.map(({ index }) => index))
  const receipts = world.last?.receipts.values() ?? [].values()
  return Array.from({ length: count }, (_, index) => {
    if (refused.has(index)) return 'refused'
    return receipts.next().value?.error ? 'failed' : 'executed'
  })
}

test('any history keeps the invariants, and goes as the reference model says', () => {
  const counts = { executed: 0, failed: 0, refused: 0 }
  fc.assert(
    fc.property(historyArbitrary(40), (history) => {
      const world = new World(crowdedGenesis())
      const model = new Model(world.genesis, testParts)
      for (const commands of history) {
        const before = world.state
        const { transactions, applied } = play(world, commands)
        checkLaws(before, applied)
        const outcomes = model.block(transactions, applied.hash)
        expect(outcomesOf(world, transactions.length)).toEqual(outcomes)
        for (const outcome of outcomes) counts[outcome]++
        expect(seenOf(world)).toEqual(modelled(model))
        expect(model.held()).toBe(model.issuance)
      }
    }),
    runs(60),
  )
  // A generator that only ever makes one kind of outcome shows little.
  for (const count of Object.values(counts)) expect(count).toBeGreaterThan(100)
})

test('the same blocks give the same roots, from the genesis and from any snapshot', () => {
  fc.assert(
    fc.property(historyArbitrary(25), fc.nat(24), (history, at) => {
      const world = new World(crowdedGenesis())
      const blocks: Uint8Array[][] = []
      const hashes: string[] = []
      let snapshot: { bytes: Uint8Array; head: Uint8Array; height: number } | undefined
      for (const commands of history) {
        const { applied } = play(world, commands)
        blocks.push(applied.accepted)
        hashes.push(toHex(applied.hash))
        if (world.height === 1 + (at % history.length))
          snapshot = { bytes: world.state.encode(), head: world.headHash, height: world.height }
      }
      const again = new World(crowdedGenesis())
      expect(blocks.map((transactions) => toHex(again.apply(transactions).hash))).toEqual(hashes)
      if (!snapshot) throw new Error('no snapshot was taken')
      const restored = new World(crowdedGenesis())
      restored.state = deserialize(snapshot.bytes, snapshot.head)
      const rest = blocks.slice(snapshot.height).map((transactions) => toHex(restored.apply(transactions).hash))
      expect(rest).toEqual(hashes.slice(snapshot.height))
      expect(toHex(restored.state.root())).toBe(toHex(world.state.root()))
    }),
    runs(25),
  )
})

test('a failed transaction changes nonce and fee only, a refused one nothing', () => {
  let [failed, refused] = [0, 0]
  fc.assert(
    fc.property(historyArbitrary(15), commandArbitrary, (history, command) => {
      const world = new World(crowdedGenesis())
      for (const commands of history) play(world, commands)
      const before = world.state
      const idle = new World(world.genesis)
      idle.state = before
      idle.block()
      const { transactions, applied } = play(world, [command])
      const [transaction] = transactions
      if (!transaction || applied.receipts[0]?.error === null) return
      const signer = toHex(transaction.unsigned.signer)
      if (applied.refused.length > 0) {
        expect(applied.state.encode()).toEqual(idle.state.encode())
        refused++
        return
      }
      failed++
      const paid = queries.account(idle.state, signer).free - queries.account(applied.state, signer).free
      expect(queries.nonce(applied.state, signer)).toBe(queries.nonce(idle.state, signer) + 1n)
      expect(queries.head(applied.state).treasury - queries.head(idle.state).treasury).toBe(paid)
      expect(paid).toBeGreaterThanOrEqual(world.genesis.parameters.baseFee)
      expect(paid).toBeLessThan(world.genesis.parameters.baseFee + world.genesis.parameters.existentialDeposit)
      // Give the fee back by hand: nothing else may differ.
      const undone = applied.state.fork()
      const account = undone.account(transaction.unsigned.signer) ?? 0
      undone.accounts.free.set(account, undone.accounts.free.get(account) + paid)
      undone.chain.head.set({ treasury: undone.chain.head.value.treasury - paid })
      expect(toHex(undone.accounts.free.root())).toBe(toHex(idle.state.accounts.free.root()))
      expect(toHex(undone.chain.head.root())).toBe(toHex(idle.state.chain.head.root()))
      for (const table of ['hotkeys', 'accounts'] as const)
        expect(toHex(undone[table].key.root())).toBe(toHex(idle.state[table].key.root()))
      expect(toHex(undone.stakes.parts.amount.root())).toBe(toHex(idle.state.stakes.parts.amount.root()))
      expect(undone.markets.map(({ parts }) => Object.values(parts).map((part) => toHex(part.root())))).toEqual(
        idle.state.markets.map(({ parts }) => Object.values(parts).map((part) => toHex(part.root()))),
      )
    }),
    runs(300),
  )
  expect(failed).toBeGreaterThan(10)
  expect(refused).toBeGreaterThan(10)
})

test('staking and unstaking never profits', () => {
  fc.assert(
    fc.property(
      historyArbitrary(10),
      fc.array(fc.tuple(fc.boolean(), fc.bigInt(1n, 3_000n * TAU)), { maxLength: 12 }),
      (history, moves) => {
        const world = new World(crowdedGenesis())
        for (const commands of history) play(world, commands)
        // Within one epoch of no market nothing is paid: whatever a coldkey does with its stake, it ends with less.
        const owner = world.state.hotkey(key(0)) === undefined ? undefined : queries.hotkey(world.state, hexKey(0)).owner
        const who = [100, 101, 102].find((n) => hexKey(n) === owner)
        if (who === undefined) return
        const all = (): bigint =>
          queries.account(world.state, hexKey(who)).stakes.reduce((sum, { amount }) => sum + amount, world.free(who))
        const before = all()
        const transactions = moves.map(
          ([adds, amount]) => [who, { kind: adds ? 'add_stake' : 'remove_stake', hotkey: key(0), amount }] as const,
        )
        const { receipts, epochs } = world.block(...transactions.map(([n, action]) => [n, action] as [number, typeof action]))
        if (epochs.length > 0) return
        expect(all()).toBeLessThanOrEqual(before)
        expect(before - all()).toBeLessThan(BigInt(receipts.length) * world.genesis.parameters.baseFee + 500n * BigInt(receipts.length + 1))
      },
    ),
    runs(60),
  )
})

test('what the mempool takes on an unchanged state executes', () => {
  let taken = 0
  fc.assert(
    fc.property(historyArbitrary(12), fc.array(commandArbitrary, { minLength: 8, maxLength: 8 }), (history, commands) => {
      const world = new World(crowdedGenesis())
      for (const block of history) play(world, block)
      for (const command of commands) {
        const [transaction] = concrete(world, [command])
        if (!transaction) continue
        let admitted = true
        try {
          admit(world.state, transaction.bytes, testParts)
        } catch {
          admitted = false
        }
        const before = world.state
        const { receipts } = world.apply([transaction.bytes])
        world.state = before
        expect(receipts.length === 1 && receipts[0]?.error === null).toBe(admitted)
        if (admitted) taken++
      }
    }),
    // About 1.5 are taken in each.
    runs(80),
  )
  expect(taken).toBeGreaterThan(50)
})

test('tokens are conserved over a long random run', () => {
  const blocks = Number(process.env['TAUMESH_LEDGER_BLOCKS'] ?? 10_000)
  const report = runConservation(testSeed(), blocks)
  expect(report.executed).toBeGreaterThan(blocks / 10)
  expect(report.failed).toBeGreaterThan(blocks / 100)
  expect(report.refused).toBeGreaterThan(blocks / 100)
  expect(report.byWeights).toBeGreaterThan(blocks / 1_000)
  expect(report.deregistered).toBeGreaterThan(blocks / 1_000)
  console.info(JSON.stringify({ suite: 'ledger conservation', seed: testSeed(), ...report }))
}, 240_000)
