/** The embedded engine on virtual time: intervals, faults of the store, bounds, recovery. */
import { describe, expect, test } from 'vitest'
import { toHex } from '../../../../src/protocol/bytes.ts'
import { decodeBlock, headSigningBytes } from '../../../../src/protocol/block.ts'
import { genesisHash } from '../../../../src/protocol/genesis.ts'
import { NodeError } from '../../../../src/protocol/errors.ts'
import type { BlockEvents } from '../../../../src/protocol/ports/ledger.ts'
import { memoryBlockStore } from '../../../../src/ledger/store/memory-block-store.ts'
import type { FaultPoint } from '../../../../src/ledger/store/memory-disk.ts'
import { BLOCK_MS, engineScene } from '../../../support/engine-scene.ts'
import { ed25519Signer } from '../../../support/ed25519-signer.ts'
import { codeOf } from '../../../contract/ledger.ts'
import { toyMachine, verifyEd25519 } from '../../../support/toy-machine.ts'
import { toyNetwork } from '../../../support/toy-network.ts'

const thrown = (work: () => unknown): NodeError => {
  try {
    work()
  } catch (error) {
    if (error instanceof NodeError) return error
    throw error
  }
  throw new Error('nothing was thrown')
}

describe('blocks', () => {
  test('come one an interval, and none is made up for after a pause', async () => {
    const scene = engineScene()
    const { ledger } = scene.open()
    await scene.blocks(5)
    expect((await ledger.query('head')).height).toBe(5)
    await scene.clock.advance(BLOCK_MS * 2.5)
    expect((await ledger.query('head')).height).toBe(7)
    await ledger.close()
  })

  test('have a time that grows strictly, even when the clock stands or runs back', async () => {
    const scene = engineScene()
    const wall = [5_000_000_000_000, 4_000_000_000_000, 4_000_000_000_000, 6_000_000_000_000]
    scene.clock.now = () => wall.shift() ?? 0
    const { ledger } = scene.open()
    await scene.blocks(5)
    const times = (await ledger.query('blocks', 1, 5)).map(({ time }) => time - 5_000_000_000_000)
    expect(times).toEqual([0, 1, 2, 1_000_000_000_000, 1_000_000_000_001])
    await ledger.close()
  })

  test("carry the orderer's signature of their hash", async () => {
    const scene = engineScene()
    const { ledger, store } = scene.open()
    await scene.blocks(1)
    const stored = store.load(1)!
    expect(verifyEd25519(scene.network.orderer.publicKey, headSigningBytes(stored.hash), decodeBlock(stored.block).proof)).toBe(true)
    await ledger.close()
  })

  test('take the waiting transactions in the order that the previous hash gives, each signer by nonce', async () => {
    const scene = engineScene()
    const { ledger, store } = scene.open()
    const bytes = await Promise.all([0, 1, 2, 3].flatMap((user) => [1, 0].map((nonce) => scene.network.transfer(user, nonce))))
    const receipts = bytes.map((transaction) => ledger.submit(transaction))
    await scene.blocks(1)
    const settled = await Promise.all(receipts)
    expect(settled.every(({ height }) => height === 1)).toBe(true)
    const machine = toyMachine(scene.network.genesis)
    const ordered = machine.order(
      genesisHash(scene.network.genesis),
      bytes.map((one) => machine.admit(machine.initial(), one)),
    )
    expect(settled.toSorted((a, b) => a.index - b.index).map(({ id }) => id)).toEqual(ordered.map(({ id }) => id))
    expect(decodeBlock(store.load(1)!.block).transactions).toHaveLength(8)
    await ledger.close()
  })
})

describe('acknowledgement', () => {
  test.each<[FaultPoint, 'crash' | 'kept']>([
    ['append', 'crash'],
    ['commit', 'crash'],
    ['commit', 'kept'],
    ['committed', 'crash'],
    ['mark', 'crash'],
  ])('is not given when the store fails at "%s" (%s); the engine stops, and the next one decides', async (at, fault) => {
    const scene = engineScene()
    const { ledger } = scene.open({ faults: (point) => (point === at && scene.disk.head >= 1 ? fault : null) })
    await scene.blocks(1)
    const bytes = await scene.network.transfer(0, 0)
    const answer = codeOf(ledger.submit(bytes))
    await scene.blocks(1)
    expect(await answer).toBe('LEDGER_STOPPED')
    const failure = await ledger.stopped
    expect([failure?.code, failure?.row.exit]).toEqual(['STORE_FAILED', 74])
    expect(await codeOf(ledger.submit(bytes))).toBe('LEDGER_STOPPED')
    const next = scene.open().ledger
    const receipt = next.submit(bytes)
    await scene.blocks(1)
    // Where the commit happened the block of the last life holds it, else the first block of this one: height 2 both times.
    expect((await receipt).height).toBe(2)
    await next.close()
  })

  test('a full disk refuses new transactions, keeps serving reads, and takes up the waiting ones when there is space', async () => {
    const scene = engineScene()
    let full = false
    const { ledger } = scene.open({ faults: (point) => (full && point === 'commit' ? 'full' : null) })
    await scene.blocks(2)
    full = true
    const waiting = ledger.submit(await scene.network.transfer(0, 0))
    await scene.blocks(3)
    expect(await codeOf(ledger.submit(await scene.network.transfer(1, 0)))).toBe('STORE_FULL')
    expect((await ledger.query('head')).height).toBe(2)
    full = false
    await scene.blocks(2)
    expect((await waiting).height).toBe(3)
    const later = ledger.submit(await scene.network.transfer(1, 0))
    await scene.blocks(1)
    expect((await later).error).toBeNull()
    await ledger.close()
  })
})

describe('bounds', () => {
  test('the mempool refuses one more than its limits, in number and in bytes', async () => {
    const scene = engineScene()
    const bytes = await Promise.all([0, 1, 2].map((user) => scene.network.transfer(user, 0)))
    const few = scene.open({ mempool: { transactions: 2, bytes: 2 ** 20, waiters: 8 } }).ledger
    const waiting = bytes.slice(0, 2).map((transaction) => codeOf(few.submit(transaction)))
    expect(await codeOf(few.submit(bytes[2]!))).toBe('LEDGER_BUSY')
    await few.close()
    expect(await Promise.all(waiting)).toEqual(['LEDGER_STOPPED', 'LEDGER_STOPPED'])
  })

  test('the mempool refuses one more than its bytes', async () => {
    const scene = engineScene()
    const [first, second] = await Promise.all([0, 1].map((user) => scene.network.transfer(user, 0)))
    const { ledger } = scene.open({ mempool: { transactions: 100, bytes: first!.length + second!.length - 1, waiters: 8 } })
    const waiting = ledger.submit(first!)
    expect(await codeOf(ledger.submit(second!))).toBe('LEDGER_BUSY')
    await scene.blocks(1)
    expect((await waiting).height).toBe(1)
    await ledger.close()
  })

  test('a transaction that waits past its expiry is refused by name, and its place is free', async () => {
    const scene = engineScene()
    const { ledger } = scene.open({ mempool: { transactions: 1, bytes: 2 ** 20, waiters: 8 } })
    const early = codeOf(ledger.submit(await scene.network.transfer(0, 1, { expiry: 3n })))
    await scene.blocks(4)
    expect(await early).toBe('LEDGER_EXPIRED')
    const next = ledger.submit(await scene.network.transfer(1, 0))
    await scene.blocks(1)
    expect((await next).error).toBeNull()
    await ledger.close()
  })

  test('a subscriber that does not read costs nothing and misses nothing', async () => {
    const scene = engineScene()
    const { ledger } = scene.open()
    const blocks = ledger.subscribe(1, new AbortController().signal)[Symbol.asyncIterator]()
    await scene.blocks(1)
    await blocks.next()
    await scene.blocks(60)
    const seen: number[] = []
    for (let i = 0; i < 59; i++) seen.push(((await blocks.next()).value as BlockEvents).height)
    expect(seen).toEqual(Array.from({ length: 59 }, (_, i) => i + 2))
    await blocks.return?.()
    await ledger.close()
  })

  test('a subscription below what is kept says which block is the oldest', async () => {
    const scene = engineScene()
    const { ledger } = scene.open({ retention: { blocksMax: 5, bytesMax: 2 ** 40 }, snapshotEvery: { blocks: 10, transactions: 10_000 } })
    await scene.blocks(60)
    const blocks = ledger.subscribe(2, new AbortController().signal)[Symbol.asyncIterator]()
    const error = await blocks.next().then(
      () => null,
      (cause: NodeError) => cause,
    )
    expect([error?.code, Number(error?.data['oldest']) > 2]).toEqual(['LEDGER_PRUNED', true])
    await ledger.close()
  })
})

describe('recovery', () => {
  test('a folder of another network is refused with both hashes', async () => {
    const scene = engineScene('one')
    await scene.open().ledger.close()
    const store = scene.disk
    store.held = false
    const other = engineScene('two')
    Object.assign(other.disk, store)
    const error = thrown(() => other.open())
    expect(error.code).toBe('LEDGER_OTHER_NETWORK')
    expect(error.message).toContain(toHex(genesisHash(scene.network.genesis)))
    expect(error.message).toContain(toHex(genesisHash(other.network.genesis)))
  })

  test("another key than the orderer's is refused", () => {
    const scene = engineScene()
    scene.network.orderer = ed25519Signer('nobody')
    expect(thrown(() => scene.open()).code).toBe('LEDGER_ORDERER')
  })

  test('a machine that gives another root is refused at the height where it differs', async () => {
    const scene = engineScene()
    const first = scene.open({ snapshotEvery: { blocks: 1_000, transactions: 1_000 } })
    await scene.blocks(3)
    const receipt = first.ledger.submit(await scene.network.transfer(0, 0))
    await scene.blocks(3)
    const { height } = await receipt
    // The process is gone without a last snapshot.
    scene.disk.held = false
    const machine = toyMachine(scene.network.genesis)
    const apply = machine.apply.bind(machine)
    machine.apply = (state, block) => apply(state, { ...block, transactions: [] })
    const error = thrown(() => scene.open({ machine }))
    expect([error.code, error.data['height'], error.row.exit]).toEqual(['LEDGER_ROOT_MISMATCH', height, 70])
  })

  test('a snapshot of another state than its root says is refused', async () => {
    const scene = engineScene()
    const { ledger, store } = scene.open()
    await scene.blocks(3)
    await ledger.close()
    store.close()
    const snapshot = scene.disk.snapshots.get(3)!
    snapshot.bytes = Buffer.from(Buffer.from(snapshot.bytes).toString().replace('"1000000000000"', '"1000000000001"'))
    expect(thrown(() => scene.open()).code).toBe('LEDGER_ROOT_MISMATCH')
  })

  test('starts from the newest snapshot and executes only the blocks after it', async () => {
    const scene = engineScene()
    scene.open({ snapshotEvery: { blocks: 10, transactions: 1_000 } })
    await scene.blocks(27)
    scene.disk.held = false
    const counts = { applied: 0 }
    const { ledger } = scene.open({ machine: toyMachine(scene.network.genesis, counts) })
    expect(counts.applied).toBe(7)
    expect((await ledger.query('head')).height).toBe(27)
    await ledger.close()
  })

  test('works from pruned blocks', async () => {
    const scene = engineScene()
    const options = { retention: { blocksMax: 5, bytesMax: 2 ** 40 }, snapshotEvery: { blocks: 10, transactions: 1_000 } }
    const { ledger, store } = scene.open(options)
    await scene.blocks(45)
    await ledger.close()
    store.close()
    const again = scene.open(options)
    expect((await again.ledger.query('head')).height).toBe(45)
    await scene.blocks(2)
    expect((await again.ledger.query('head')).height).toBe(47)
    await again.ledger.close()
  })

  test('two blocks on one store of one process are impossible', () => {
    const scene = engineScene()
    scene.open()
    expect(thrown(() => memoryBlockStore({}, { disk: scene.disk })).code).toBe('STORE_LOCKED')
  })

  test('a genesis of another time is another network', () => {
    const [one, two] = [toyNetwork('same'), toyNetwork('same')]
    two.genesis = { ...two.genesis, time: two.genesis.time + 1n }
    expect(toHex(genesisHash(one.genesis))).not.toBe(toHex(genesisHash(two.genesis)))
  })
})
