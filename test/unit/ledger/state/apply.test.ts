import { describe, expect, test } from 'vitest'
import { admit, apply, order } from '../../../../src/ledger/state/apply.ts'
import { queries } from '../../../../src/ledger/state/queries.ts'
import { actionKinds } from '../../../../src/protocol/actions.ts'
import { blockHash } from '../../../../src/protocol/block.ts'
import { concat, toHex } from '../../../../src/protocol/bytes.ts'
import { sha256 } from '../../../../src/protocol/hash.ts'
import type { Action, ActionKind, Unsigned } from '../../../../src/protocol/ports/ledger.ts'
import { decodeTransaction } from '../../../../src/protocol/transaction.ts'
import { fakeSignatures, hexKey, key, TAU, testGenesis, testParts, World } from '../../../support/ledger-world.ts'

const transfer = (amount = TAU, to = 200) => ({ kind: 'transfer', to: key(to), amount }) as const
const codeOf = (run: () => unknown): string | null => {
  try {
    run()
  } catch (error) {
    return (error as { code?: string }).code ?? String(error)
  }
  return null
}

describe('a block', () => {
  test('leaves the state it was applied to as it was', () => {
    const world = new World()
    const before = world.state
    const [root, bytes] = [toHex(before.root()), before.encode()]
    world.block([100, transfer()], [0, world.seal(1, 100)])
    expect(toHex(world.state.root())).not.toBe(root)
    expect(before.encode()).toEqual(bytes)
    expect(toHex(before.root())).toBe(root)
    // And it can be applied again, to the same end.
    const block = { height: 1, time: 5_000, parent: world.hash, transactions: [] }
    expect(apply(before, block, testParts).root).toEqual(apply(before, block, testParts).root)
  })
  test('carries its header: the roots, the parent and a hash that the next one must name', () => {
    const world = new World()
    const first = world.block([100, transfer()])
    expect(first.header).toMatchObject({ height: 1n, parent: world.hash, stateRoot: first.root, genesis: world.hash })
    expect(first.hash).toEqual(blockHash(first.header))
    expect(queries.head(world.state).hash).toBe(toHex(first.hash))
    const next = { height: 2, time: 9_000, transactions: [] }
    expect(codeOf(() => apply(world.state, { ...next, parent: key(1) }, testParts))).toBe('LEDGER_BLOCK')
    expect(codeOf(() => apply(world.state, { ...next, parent: first.hash }, testParts))).toBeNull()
  })
  test('follows in height and time', () => {
    const world = new World()
    const block = { height: 1, time: 1_001, parent: world.hash, transactions: [] }
    for (const change of [
      { height: 0 },
      { height: 2 },
      { time: 1_000 },
      { time: 999 },
      { time: 1_000.5 },
      { time: Number.NaN },
      { parent: new Uint8Array(31) },
    ])
      expect(
        codeOf(() => apply(world.state, { ...block, ...change }, testParts)),
        JSON.stringify(change),
      ).toBe('LEDGER_BLOCK')
    expect(codeOf(() => apply(world.state, block, testParts))).toBeNull()
  })
  test('holds transactions by H(parent ‖ signer), then nonce; another order is refused', () => {
    const world = new World()
    const signed = [100, 101, 102, 103].flatMap((signer) =>
      [0n, 1n].map((nonce) => decodeTransaction(world.signed(signer, transfer(), { nonce }))),
    )
    const ordered = order(world.hash, signed.toReversed())
    expect(order(world.hash, signed)).toEqual(ordered)
    const places = ordered.map(({ unsigned }) => toHex(sha256(concat(world.hash, unsigned.signer))))
    expect(places).toEqual(places.toSorted())
    expect(ordered.map(({ unsigned }) => unsigned.nonce)).toEqual([0n, 1n, 0n, 1n, 0n, 1n, 0n, 1n])
    const input = (transactions: Uint8Array[]) => ({ height: 1, time: 2_000, parent: world.hash, transactions })
    expect(codeOf(() => apply(world.state, input(ordered.map(({ bytes }) => bytes).toReversed()), testParts))).toBe('LEDGER_BLOCK')
    const { receipts } = apply(world.state, input(ordered.map(({ bytes }) => bytes)), testParts)
    expect(receipts.map(({ index, error }) => [index, error])).toEqual(ordered.map((_, i) => [i, null]))
  })
  test('without what it refused gives the same state, header and receipts', () => {
    const world = new World()
    const good = [100, 101, 102].map((signer) => decodeTransaction(world.signed(signer, transfer())))
    const bad = [
      decodeTransaction(world.signed(103, transfer(), { nonce: 5n })),
      decodeTransaction(world.signed(104, transfer())),
      decodeTransaction(world.signed(9, { kind: 'commit_model', netuid: 1, root: key(1), class: 1, sequenceLength: 256 })),
    ]
    const input = (transactions: Uint8Array[]) => ({ height: 1, time: 2_000, parent: world.hash, transactions })
    const mixed = order(world.hash, [...good, ...bad]).map(({ bytes }) => bytes)
    const all = apply(world.state, input([...mixed, new Uint8Array(3)]), testParts)
    expect(all.refused.map(({ error }) => error.code).toSorted()).toEqual([
      'LEDGER_FEE',
      'LEDGER_HOTKEY_UNKNOWN',
      'LEDGER_MALFORMED',
      'LEDGER_NONCE',
    ])
    const clean = apply(world.state, input(all.accepted), testParts)
    expect(clean.refused).toEqual([])
    expect(clean.header).toEqual(all.header)
    expect(clean.receipts).toEqual(all.receipts)
    expect(clean.state.encode()).toEqual(all.state.encode())
  })
  test('the same transaction under two signatures is applied once', () => {
    const world = new World()
    const bytes = world.signed(100, transfer())
    const { receipts, refused } = world.apply([bytes, bytes])
    expect([receipts.length, refused[0]?.error.code]).toEqual([1, 'LEDGER_NONCE'])
    expect(world.free(200)).toBe(TAU)
  })
  test('signatures are verified in one batch, those of admitted transactions not again', () => {
    const calls: number[] = []
    const parts = {
      ...testParts,
      signature: {
        ...fakeSignatures,
        verifyBatch: (items: Parameters<typeof fakeSignatures.verifyBatch>[0]) => {
          calls.push(items.length)
          return fakeSignatures.verifyBatch(items)
        },
      },
    }
    const world = new World(testGenesis(), parts)
    const admitted = admit(world.state, world.signed(100, transfer()), parts)
    const other = decodeTransaction(world.signed(101, transfer()))
    const transactions = order(world.hash, [admitted, other])
    const block = { height: 1, time: 2_000, parent: world.hash, transactions }
    expect(apply(world.state, block, parts, { verified: new Set([admitted]) }).receipts).toHaveLength(2)
    expect(calls).toEqual([1])
    // A copy of what was admitted is not what was admitted.
    apply(world.state, block, parts, { verified: new Set([{ ...admitted }]) })
    expect(calls).toEqual([1, 2])
  })
})

describe('a transaction', () => {
  test.each<[string, Partial<Unsigned>, string | null]>([
    ['of another chain id', { chainId: 'taumesh-other' }, 'LEDGER_WRONG_CHAIN'],
    ['of another genesis', { genesis: key(1) }, 'LEDGER_WRONG_CHAIN'],
    ['with a nonce ahead', { nonce: 1n }, 'LEDGER_NONCE'],
    ['with a nonce of 2⁶⁴ - 1', { nonce: 2n ** 64n - 1n }, 'LEDGER_NONCE'],
    ['at its last height', { expiry: 6n }, null],
    ['after its last height', { expiry: 5n }, 'LEDGER_EXPIRED'],
    ['as far ahead as may be', { expiry: 1_006n }, null],
    ['too far ahead', { expiry: 1_007n }, 'LEDGER_EXPIRY_TOO_FAR'],
    ['that never expires', { expiry: 2n ** 64n - 1n }, 'LEDGER_EXPIRY_TOO_FAR'],
  ])('%s', (_name, change, code) => {
    const world = new World()
    world.to(5)
    const bytes = world.signed(100, transfer(), change)
    expect(codeOf(() => admit(world.state, bytes, testParts))).toBe(code)
    expect(world.outcome(100, transfer(), change)).toBe(code)
    expect(queries.nonce(world.state, hexKey(100))).toBe(code === null ? 1n : 0n)
  })
  test('with any bit of it changed is not by its signer', () => {
    const world = new World()
    const bytes = world.signed(100, transfer())
    let refused = 0
    for (let at = 0; at < bytes.length; at += 3) {
      const other = bytes.slice()
      other[at] = (other[at] ?? 0) ^ 1
      const code = codeOf(() => admit(world.state, other, testParts))
      expect(code, `byte ${at}`).not.toBeNull()
      if (code === 'LEDGER_SIGNATURE_INVALID') refused++
    }
    expect(refused).toBeGreaterThan(30)
  })
  test('is never applied a second time, nor after its key was forgotten', () => {
    const world = new World(testGenesis((genesis) => genesis.accounts.push({ coldkey: key(50), free: 2n * TAU })))
    const bytes = world.signed(50, transfer(2n * TAU - 100_000n), { expiry: 1_001n })
    expect(world.apply([bytes]).receipts[0]?.error).toBeNull()
    for (const height of [2, 500, 1_000]) {
      world.to(height - 1)
      expect(world.apply([bytes]).refused[0]?.error.code).toBe('LEDGER_NONCE')
    }
    expect(world.state.account(key(50))).toBeDefined()
    world.to(1_001)
    expect(world.state.account(key(50))).toBeUndefined()
    expect(queries.nonce(world.state, hexKey(50))).toBe(0n)
    world.block([100, { kind: 'transfer', to: key(50), amount: 5n * TAU }])
    expect(world.apply([bytes]).refused[0]?.error.code).toBe('LEDGER_EXPIRED')
  })
})

describe('the nonce', () => {
  /** A ledger in which an action of the kind is due, and that action. */
  const due: { [K in ActionKind]: (world: World) => [signer: number, action: Action] } = {
    transfer: () => [100, transfer()],
    register: (world) => [5, world.seal(1, 105)],
    register_burned: () => [100, { kind: 'register_burned', netuid: 1, hotkey: key(6), limit: TAU }],
    add_stake: () => [100, { kind: 'add_stake', hotkey: key(0), amount: TAU }],
    remove_stake: () => [100, { kind: 'remove_stake', hotkey: key(0), amount: TAU }],
    move_stake: (world) => {
      world.block([101, { kind: 'become_delegate', hotkey: key(1), take: 1 }])
      return [100, { kind: 'move_stake', from: key(0), to: key(1), amount: TAU }]
    },
    become_delegate: () => [100, { kind: 'become_delegate', hotkey: key(0), take: 1 }],
    set_take: (world) => {
      world.block([100, { kind: 'become_delegate', hotkey: key(0), take: 9 }])
      return [100, { kind: 'set_take', hotkey: key(0), take: 5 }]
    },
    serve: (world) => {
      world.block([0, world.seal(1, 100)])
      return [0, { kind: 'serve', netuid: 1, addresses: ['/a'], httpIp: new Uint8Array(16), httpPort: 0 }]
    },
    commit_model: (world) => {
      world.block([0, world.seal(1, 100)])
      return [0, { kind: 'commit_model', netuid: 1, root: key(1), class: 0, sequenceLength: 64 }]
    },
    commit_weights: (world) => {
      world.block([0, world.seal(1, 100)])
      world.to(8)
      return [0, world.weights(0, 1, 1n, { 0: 1 }).commit]
    },
    reveal_weights: (world) => {
      world.block([0, world.seal(1, 100)])
      world.to(8)
      world.block([0, world.weights(0, 1, 1n, { 0: 1 }).commit])
      world.to(18)
      return [0, world.weights(0, 1, 1n, { 0: 1 }).reveal]
    },
  }
  test.each(actionKinds)('of a %s is the next one exactly, and taken once', (kind) => {
    const world = new World()
    const [signer, action] = due[kind](world)
    const next = world.state.nonce(key(signer))
    for (const nonce of [next + 1n, next + 2n ** 32n, ...(next > 0n ? [next - 1n] : [])]) {
      const block = { height: world.height + 1, time: world.state.time + 1, parent: world.headHash }
      const applied = apply(world.state, { ...block, transactions: [world.signed(signer, action, { nonce })] }, testParts)
      expect(applied.refused.map(({ error }) => error.code)).toEqual(['LEDGER_NONCE'])
    }
    const bytes = world.signed(signer, action)
    expect(world.apply([bytes]).receipts.map(({ error }) => error)).toEqual([null])
    expect(world.state.nonce(key(signer))).toBe(next + 1n)
    // What kind-specific limits would refuse anyway must fall to the nonce first.
    world.to(world.height + 10)
    expect(world.apply([bytes]).refused.map(({ error }) => error.code)).toEqual(['LEDGER_NONCE'])
  })
})

describe('the mempool', () => {
  test('takes up to sixteen nonces ahead, each payable', () => {
    const world = new World()
    const ahead = (nonce: bigint, limit = 16): string | null =>
      codeOf(() => admit(world.state, world.signed(100, transfer(), { nonce }), testParts, { ahead: limit }))
    expect([ahead(0n), ahead(1n), ahead(16n), ahead(17n), ahead(17n, 99), ahead(1n, 0)]).toEqual([
      null,
      null,
      null,
      'LEDGER_NONCE',
      'LEDGER_NONCE',
      'LEDGER_NONCE',
    ])
    world.block([100, { kind: 'transfer', to: key(200), amount: 250_000n }])
    const poor = (nonce: bigint): string | null =>
      codeOf(() => admit(world.state, world.signed(200, transfer(500n, 201), { nonce }), testParts, { ahead: 16 }))
    expect([poor(0n), poor(1n), poor(2n)]).toEqual([null, null, 'LEDGER_FEE'])
  })
  test('what it takes for the next nonce executes in the next block, what it refuses does not', () => {
    const world = new World()
    world.block([0, world.seal(1, 100)])
    const wanted = [
      [100, transfer()],
      [100, transfer(20_000n * TAU)],
      [100, transfer(1n)],
      [0, world.seal(2, 100)],
      [0, world.seal(1, 100)],
      [0, world.seal(2, 101)],
      [0, { kind: 'commit_model', netuid: 1, root: key(1), class: 0, sequenceLength: 64 }],
      [0, { kind: 'commit_model', netuid: 2, root: key(1), class: 0, sequenceLength: 64 }],
      [101, { kind: 'become_delegate', hotkey: key(1), take: 1 }],
      [101, { kind: 'become_delegate', hotkey: key(0), take: 1 }],
    ] as const
    const answers = wanted.map(([signer, action]) => {
      const bytes = world.signed(signer, action)
      const admitted = codeOf(() => admit(world.state, bytes, testParts))
      const block = { height: world.height + 1, time: world.state.time + 1, parent: world.headHash, transactions: [bytes] }
      const applied = apply(world.state, block, testParts)
      expect(applied.refused[0]?.error.code ?? applied.receipts[0]?.error?.code ?? null).toBe(admitted)
      return admitted
    })
    expect(answers.filter((answer) => answer === null)).toHaveLength(4)
  })
  test('looks without touching', () => {
    const world = new World()
    const bytes = world.state.encode()
    admit(world.state, world.signed(100, transfer()), testParts)
    admit(world.state, world.signed(0, world.seal(1, 100)), testParts)
    expect(world.state.encode()).toEqual(bytes)
  })
})
