/** The same transactions at the same heights give the same roots, however often and wherever the engine is restarted or killed (I21, I24). */
import { expect, test } from 'vitest'
import type { Fault, FaultPlan, FaultPoint } from '../../src/ledger/store/memory-disk.ts'
import { toHex } from '../../src/protocol/bytes.ts'
import { NodeError } from '../../src/protocol/errors.ts'
import { BLOCK_MS, engineScene } from '../support/engine-scene.ts'
import { type Rng, rng, testSeed } from '../support/random.ts'

const HEIGHTS = 40
const USERS = 4

/** What is submitted before each block; every user's nonces in order. */
async function plan(random: Rng): Promise<Uint8Array[][]> {
  const { network } = engineScene('restarts', USERS)
  const nonces = Array.from({ length: USERS }, () => 0)
  return Promise.all(
    Array.from({ length: HEIGHTS }, () =>
      Promise.all(
        Array.from({ length: random.int(6) }, () => {
          const user = random.int(USERS)
          return network.transfer(user, nonces[user]!++, { amount: BigInt(random.int(2_000)) })
        }),
      ),
    ),
  )
}

/** Runs the plan; `between` says before which heights the engine is closed and opened, or its process killed. Gives hash and root by height. */
async function run(
  submissions: readonly Uint8Array[][],
  between: (height: number) => 'go on' | 'close' | 'kill',
  snapshotBlocks: number,
): Promise<string[]> {
  const scene = engineScene('restarts', USERS)
  /** Faults of one life: once it is killed, none of its writes reaches the disk. */
  let life = { killed: false }
  const open = () => {
    const mine = (life = { killed: false })
    return scene.open({ snapshotEvery: { blocks: snapshotBlocks, transactions: 1_000_000 }, faults: () => (mine.killed ? 'crash' : null) })
  }
  let { ledger, store } = open()
  for (const [i, transactions] of submissions.entries()) {
    const what = between(i + 1)
    if (what === 'close') {
      await ledger.close()
      store.close()
    } else if (what === 'kill') {
      life.killed = true
      await ledger.close()
      store.close()
    }
    if (what !== 'go on') ({ ledger, store } = open())
    const receipts = transactions.map((bytes) => ledger.submit(bytes))
    await scene.blocks(1)
    await Promise.all(receipts)
  }
  const blocks = await ledger.query('blocks', 0, HEIGHTS + 1)
  await ledger.close()
  return blocks.map(({ hash, stateRoot }) => `${hash} ${stateRoot}`)
}

test('restarts change no hash and no root', async () => {
  const seed = testSeed()
  const submissions = await plan(rng(seed))
  const straight = await run(submissions, () => 'go on', 1_000)
  expect(straight).toHaveLength(HEIGHTS + 1)
  for (let i = 0; i < 12; i++) {
    const random = rng(seed + i)
    const ways = ['go on', 'go on', 'close', 'kill'] as const
    const found = await run(submissions, () => ways[random.int(4)]!, 1 + random.int(9))
    expect(found, `seed ${seed}, pattern ${i}`).toEqual(straight)
  }
})

/** Null when a fault strikes while a new store takes its genesis. */
function openOrNull<T>(open: () => T): T | null {
  try {
    return open()
  } catch (error) {
    if (error instanceof NodeError && error.code === 'STORE_FAILED') return null
    throw error
  }
}

const POINTS: FaultPoint[] = ['append', 'commit', 'committed', 'mark', 'marked', 'snapshot', 'snapshot kept']
const FAULTS: Fault[] = ['crash', 'torn', 'kept', 'lost']

test('whatever strikes the store, what was acknowledged is there once, and the state is what its blocks give', async () => {
  const [count, seed] = [Number(process.env['TAUMESH_ENGINE_CRASHES'] ?? 40), testSeed()]
  let struck = 0
  for (let i = 0; i < count; i++) {
    const random = rng(seed + i)
    const scene = engineScene('struck', USERS)
    const acknowledged = new Map<string, number>()
    const nonces = new Map<number, bigint>()
    for (let life = 0; life < 4; life++) {
      const [at, fault, after] = [POINTS[random.int(POINTS.length)], FAULTS[random.int(FAULTS.length)]!, random.int(6)]
      let passed = 0
      const faults: FaultPlan = (point) => (point === at && passed++ === after ? fault : null)
      const opened = openOrNull(() => scene.open({ faults, snapshotEvery: { blocks: 2, transactions: 1_000 } }))
      if (opened === null) {
        struck += 1
        continue
      }
      const { ledger, store } = opened
      for (let user = 0; user < USERS; user++) nonces.set(user, await ledger.query('nonce', toHex(scene.network.users[user]!.publicKey)))
      for (let height = 0; height < 8; height++) {
        for (let k = 0; k < 3; k++) {
          const user = random.int(USERS)
          const nonce = nonces.get(user)!
          nonces.set(user, nonce + 1n)
          const bytes = await scene.network.transfer(user, nonce)
          ledger.submit(bytes).then(
            (receipt) => acknowledged.set(receipt.id, receipt.height),
            () => undefined,
          )
        }
        await scene.clock.advance(BLOCK_MS)
      }
      const ended = await Promise.race([ledger.stopped, Promise.resolve(null)])
      if (ended !== null) struck += 1
      await ledger.close()
      store.close()
    }
    const { ledger } = scene.open()
    const blocks = await ledger.query('blocks', 1, 1_000)
    const places = blocks.flatMap(({ height, transactions }) => transactions.map(({ id }) => [id, height] as const))
    expect(new Map(places).size, `seed ${seed + i}: a transaction stands twice`).toBe(places.length)
    const found = new Map(places)
    for (const [id, height] of acknowledged) expect(found.get(id), `seed ${seed + i}: ${id} was acknowledged`).toBe(height)
    await ledger.close()
  }
  console.log(JSON.stringify({ suite: 'S2', what: 'engine', seed, cases: struck, histories: count }))
  expect(struck).toBeGreaterThan(count)
})
