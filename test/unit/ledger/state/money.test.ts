import { describe, expect, test } from 'vitest'
import { emit } from '../../../../src/ledger/state/emission.ts'
import { checkBlock } from '../../../../src/ledger/state/invariants.ts'
import { account, issuance, move, treasury } from '../../../../src/ledger/state/money.ts'
import { queries } from '../../../../src/ledger/state/queries.ts'
import { Work } from '../../../../src/ledger/state/work.ts'
import { hexKey, key, TAU, testGenesis, testParts, World } from '../../../support/ledger-world.ts'

const FEE = 100_000n
const transfer = (to: number, amount: bigint) => ({ kind: 'transfer', to: key(to), amount }) as const

describe('transfer', () => {
  test('moves the amount, and the fee goes to the treasury', () => {
    const world = new World()
    expect(world.outcome(100, transfer(200, 5n * TAU))).toBeNull()
    expect(world.free(200)).toBe(5n * TAU)
    expect(world.free(100)).toBe(9_995n * TAU - FEE)
    // Nobody serves, so the block's emission goes to the treasury too.
    expect(queries.head(world.state).treasury).toBe(FEE + TAU)
    expect(world.last?.events).toContainEqual({ type: 'transferred', from: hexKey(100), to: hexKey(200), amount: 5n * TAU })
  })
  test('a failed one costs nonce and fee, no more', () => {
    const world = new World()
    const before = world.free(100)
    const { receipts, refused } = world.block([100, transfer(200, 20_000n * TAU)])
    expect(refused).toEqual([])
    expect(receipts[0]?.error).toEqual({ code: 'LEDGER_BALANCE', text: `20000000000000 rao asked, ${before - FEE} rao are free` })
    expect(world.free(100)).toBe(before - FEE)
    expect(queries.nonce(world.state, hexKey(100))).toBe(1n)
    expect(world.free(200)).toBe(0n)
  })
  test('nothing below the existential deposit arrives, stays or is sent to oneself', () => {
    const world = new World()
    expect(world.outcome(100, transfer(200, 499n))).toBe('LEDGER_EXISTENTIAL')
    expect(world.outcome(100, transfer(200, 500n))).toBeNull()
    expect(world.outcome(100, transfer(200, 1n))).toBeNull()
    expect(world.outcome(100, transfer(200, 0n))).toBe('LEDGER_AMOUNT_ZERO')
    expect(world.outcome(100, transfer(100, TAU))).toBe('LEDGER_SELF')
  })
  test('what a sender keeps below the deposit goes to the treasury', () => {
    const world = new World()
    const before = queries.head(world.state).treasury
    const all = world.free(102)
    expect(world.outcome(102, transfer(200, all - FEE - 499n))).toBeNull()
    expect(world.free(102)).toBe(0n)
    expect(queries.head(world.state).treasury - before).toBe(FEE + 499n + TAU)
  })
  test('dust that the fee leaves behind goes to the treasury also when the action fails', () => {
    const world = new World()
    world.block([100, transfer(200, FEE + 499n)])
    const before = queries.head(world.state).treasury
    expect(world.outcome(200, transfer(201, TAU))).toBe('LEDGER_BALANCE')
    expect(world.free(200)).toBe(0n)
    expect(queries.head(world.state).treasury - before).toBe(FEE + 499n + TAU)
  })
  test('who cannot pay the fee is refused and keeps everything', () => {
    const world = new World()
    world.block([100, transfer(200, FEE - 1n)])
    expect(world.outcome(200, transfer(100, 500n))).toBe('LEDGER_FEE')
    expect(world.outcome(201, transfer(100, 500n))).toBe('LEDGER_FEE')
    expect(world.free(200)).toBe(FEE - 1n)
    expect(queries.nonce(world.state, hexKey(200))).toBe(0n)
  })
})

describe('the one place where money moves', () => {
  const broken = expect.objectContaining({ code: 'LEDGER_INVARIANT' })
  test('never takes what is not there, nor issues more than there may be', () => {
    const work = new Work(new World().state, testParts)
    const row = work.state.account(key(100)) ?? -1
    const free = work.state.accounts.free.get(row)
    expect(() => move(work, account(row), treasury, free + 1n)).toThrow(broken)
    expect(() => move(work, treasury, account(row), 1n)).toThrow(broken)
    expect(() => move(work, account(row), treasury, -1n)).toThrow(broken)
    expect(() => move(work, issuance, treasury, 21_000_000n * TAU)).toThrow(broken)
    expect(() => move(work, { kind: 'stake', hotkey: 0, coldkey: row }, treasury, 2_001n * TAU)).toThrow(broken)
  })
  test('a block that made or lost a rao is not finished', () => {
    for (const cheat of [
      (work: Work) => work.state.accounts.free.set(0, work.state.accounts.free.get(0) + 1n),
      (work: Work) => work.state.chain.head.set({ treasury: 1n }),
      (work: Work) => work.state.chain.head.set({ issuance: work.state.chain.head.value.issuance + 1n }),
      (work: Work) => work.state.hotkeys.stake.set(0, work.state.hotkeys.stake.get(0) + 1n),
      (work: Work) => work.state.stakes.set(0, work.state.account(key(100)) ?? -1, 1n),
      (work: Work) => work.state.chain.head.set({ totalStake: 1n }),
    ]) {
      const work = new Work(new World().state, testParts)
      const coldkey = work.state.account(key(100)) ?? -1
      move(work, account(coldkey), { kind: 'stake', hotkey: 0, coldkey }, TAU)
      const emission = emit(work)
      expect(() => checkBlock(work, emission)).not.toThrow()
      work.touched.accounts.add(0)
      cheat(work)
      expect(() => checkBlock(work, emission), cheat.toString()).toThrow(broken)
    }
  })
})

describe('stake', () => {
  const add = (hotkey: number, amount: bigint) => ({ kind: 'add_stake', hotkey: key(hotkey), amount }) as const
  const remove = (hotkey: number, amount: bigint) => ({ kind: 'remove_stake', hotkey: key(hotkey), amount }) as const
  const move = (from: number, to: number, amount: bigint) => ({ kind: 'move_stake', from: key(from), to: key(to), amount }) as const
  const delegate = (hotkey: number, take = 6_000) => ({ kind: 'become_delegate', hotkey: key(hotkey), take }) as const
  const take = (hotkey: number, value: number) => ({ kind: 'set_take', hotkey: key(hotkey), take: value }) as const

  test('an owner stakes and unstakes to the rao', () => {
    const world = new World()
    const before = world.free(100)
    expect(world.outcome(100, add(0, 7n * TAU))).toBeNull()
    expect(world.stake(0)).toBe(2_007n * TAU)
    expect(queries.head(world.state).totalStake).toBe(3_007n * TAU)
    expect(world.outcome(100, remove(0, 7n * TAU))).toBeNull()
    expect(world.free(100)).toBe(before - 2n * FEE)
    expect(world.stake(0)).toBe(2_000n * TAU)
  })
  test('others stake behind a delegate only, and only what is theirs can be taken away', () => {
    const world = new World()
    expect(world.outcome(102, add(0, TAU))).toBe('LEDGER_NOT_DELEGATE')
    expect(world.outcome(102, delegate(0))).toBe('LEDGER_HOTKEY_FOREIGN')
    expect(world.outcome(100, delegate(0))).toBeNull()
    expect(world.outcome(100, delegate(0))).toBe('LEDGER_ALREADY_DELEGATE')
    expect(world.outcome(102, add(0, TAU))).toBeNull()
    expect(world.outcome(102, remove(0, TAU + 1n))).toBe('LEDGER_STAKE')
    expect(world.outcome(103, remove(0, 1n))).toBe('LEDGER_STAKE')
    expect(queries.hotkey(world.state, hexKey(0)).delegations).toHaveLength(2)
    expect(queries.account(world.state, hexKey(102)).stakes).toEqual([{ hotkey: hexKey(0), amount: TAU }])
    expect(world.outcome(102, remove(0, TAU))).toBeNull()
    expect(queries.account(world.state, hexKey(102)).stakes).toEqual([])
  })
  test('moves behind one that takes it, never to the same, never leaving dust', () => {
    const world = new World()
    world.block([101, delegate(1)])
    expect(world.outcome(100, move(0, 1, 5n * TAU))).toBeNull()
    expect([world.stake(0), world.stake(1)]).toEqual([1_995n * TAU, 1_005n * TAU])
    expect(world.outcome(101, move(1, 0, TAU))).toBe('LEDGER_NOT_DELEGATE')
    expect(world.outcome(100, move(0, 0, TAU))).toBe('LEDGER_SELF')
    expect(world.outcome(100, move(0, 5, TAU))).toBe('LEDGER_HOTKEY_UNKNOWN')
    expect(world.outcome(100, move(0, 1, 1_995n * TAU - 499n))).toBe('LEDGER_EXISTENTIAL')
    expect(world.outcome(100, move(0, 1, 1_995n * TAU))).toBeNull()
    expect(world.stake(0)).toBe(0n)
  })
  test('dust is neither staked nor left nor given back', () => {
    const world = new World()
    world.block([100, delegate(0)])
    expect(world.outcome(102, add(0, 499n))).toBe('LEDGER_EXISTENTIAL')
    expect(world.outcome(102, add(0, 500n))).toBeNull()
    expect(world.outcome(102, remove(0, 1n))).toBe('LEDGER_EXISTENTIAL')
    expect(world.outcome(102, add(0, 1n))).toBeNull()
    expect(world.outcome(102, remove(0, 1n))).toBeNull()
    expect(world.outcome(102, add(0, 0n))).toBe('LEDGER_AMOUNT_ZERO')
    expect(world.outcome(102, remove(0, 0n))).toBe('LEDGER_AMOUNT_ZERO')
    expect(world.outcome(102, add(9, TAU))).toBe('LEDGER_HOTKEY_UNKNOWN')
  })
  test('a take is capped at 18 %, falls at once and rises once per period', () => {
    const world = new World()
    expect(world.outcome(100, take(0, 1))).toBe('LEDGER_NOT_DELEGATE')
    expect(world.outcome(100, delegate(0, 11_797))).toBe('LEDGER_TAKE_TOO_HIGH')
    expect(world.outcome(100, delegate(0, 6_000))).toBeNull()
    const since = world.height
    expect(world.outcome(100, take(0, 6_001))).toBe('LEDGER_TAKE_RAISED')
    expect(world.outcome(100, take(0, 5_000))).toBeNull()
    expect(world.outcome(101, take(0, 4_000))).toBe('LEDGER_HOTKEY_FOREIGN')
    world.to(since + 58)
    expect(world.outcome(100, take(0, 11_796))).toBe('LEDGER_TAKE_RAISED')
    expect(world.outcome(100, take(0, 11_797))).toBe('LEDGER_TAKE_TOO_HIGH')
    expect(world.outcome(100, take(0, 11_796))).toBeNull()
    expect(queries.hotkey(world.state, hexKey(0)).take).toBe(11_796)
    expect(world.outcome(100, take(0, 11_000))).toBeNull()
    expect(world.outcome(100, take(0, 11_001))).toBe('LEDGER_TAKE_RAISED')
  })
  test('the boundary values of u64 never wrap', () => {
    const world = new World(testGenesis((g) => (g.accounts = [{ coldkey: key(100), free: 1_000_000n * TAU }, ...g.accounts.slice(1)])))
    const before = queries.head(world.state)
    for (const amount of [
      0n,
      1n,
      2n ** 32n - 1n,
      2n ** 32n + 1n,
      2n ** 53n - 1n,
      2n ** 53n + 1n,
      2n ** 63n - 1n,
      2n ** 63n + 1n,
      2n ** 64n - 1n,
    ]) {
      world.block([100, transfer(200, amount)], [100, add(0, amount)], [100, remove(0, amount)])
      expect(queries.head(world.state).issuance).toBe(before.issuance + BigInt(world.height) * TAU)
    }
    expect(world.height).toBe(9)
  })
})
