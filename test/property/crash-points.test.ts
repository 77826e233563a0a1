/**
 * Crashes at every point of every operation of the memory store (reliability.md S2). A disk keeps what was written, the process does
 * not; whatever strikes, the next life finds every acknowledged block, and nothing that was not committed whole.
 */
import { expect, test } from 'vitest'
import { memoryBlockStore } from '../../src/ledger/store/memory-block-store.ts'
import { type Fault, type FaultPoint, MemoryDisk } from '../../src/ledger/store/memory-disk.ts'
import { NodeError } from '../../src/protocol/errors.ts'
import type { BlockStore, StoredBlock } from '../../src/protocol/ports/block-store.ts'
import { chainOfBlocks } from '../support/chain-of-blocks.ts'
import { type Rng, rng, testSeed } from '../support/random.ts'

const POINTS: FaultPoint[] = ['append', 'commit', 'committed', 'mark', 'marked', 'snapshot', 'snapshot kept']
const FAULTS: Fault[] = ['crash', 'torn', 'kept', 'lost', 'full']
const HEIGHTS = 12
const LIVES = 6

const codeOf = (work: () => unknown): string | null => {
  try {
    work()
    return null
  } catch (error) {
    if (error instanceof NodeError) return error.code
    throw error
  }
}

interface Witnessed {
  /** Highest acknowledged height, -1 while none. */
  acknowledged: number
  struck: number
}

/** One history: lives end by faults at random points, until all blocks are in. Gives what is wrong, or null. */
function history(blocks: readonly StoredBlock[], random: Rng, seen: Witnessed): string | null {
  const disk = new MemoryDisk()
  for (let life = 0; life <= LIVES; life++) {
    let passed = 0
    const strikes = life < LIVES ? random.int(30) : -1
    const fault = FAULTS[random.int(FAULTS.length)]!
    const store = memoryBlockStore(
      { retention: { blocksMax: 5, bytesMax: 2 ** 40 }, faults: () => (passed++ === strikes ? fault : null) },
      { disk },
    )
    const wrong = check(store, blocks, seen.acknowledged)
    if (wrong !== null) return `life ${life}: ${wrong}`
    while (disk.head < HEIGHTS - 1) {
      const [before, block] = [disk.head, blocks[disk.head + 1]!]
      let code = codeOf(() => store.append(block))
      if (code === 'STORE_FULL' && disk.head !== before) return 'a full disk moved the head'
      if (code === null) {
        if (disk.head !== block.height) return 'acknowledged a block that is not there'
        seen.acknowledged = block.height
        if (block.height % 3 === 0) code = codeOf(() => store.saveSnapshot(block.height, block.stateRoot, block.block))
      }
      if (code !== null) seen.struck += 1
      if (code === 'STORE_FAILED') break
    }
    store.close()
  }
  return disk.head === HEIGHTS - 1 ? null : `ended at ${disk.head}`
}

function check(store: BlockStore, blocks: readonly StoredBlock[], acknowledged: number): string | null {
  const head = store.head()
  if ((head?.height ?? -1) < acknowledged) return `acknowledged ${acknowledged}, found ${head?.height}`
  for (let height = store.oldest() ?? 1; height <= (head?.height ?? 0); height++) {
    const [found, expected] = [store.load(height), blocks[height]!]
    if (found === null || Buffer.compare(found.block, expected.block) !== 0) return `block ${height} differs`
    if (expected.rows.some(({ table, key }) => store.row(table, key) === null)) return `a row of block ${height} is missing`
  }
  const snapshot = store.newestSnapshot()
  if (snapshot !== null && Buffer.compare(snapshot.bytes, blocks[snapshot.height]!.block) !== 0) return 'the snapshot differs'
  return null
}

test('every acknowledged block outlives a crash before, in or after any operation', () => {
  const [count, seed] = [Number(process.env['TAUMESH_CRASHES'] ?? 2_000), testSeed()]
  const blocks = chainOfBlocks(HEIGHTS, 3, 40)
  const wrong: string[] = []
  let struck = 0
  for (let i = 0; i < count; i++) {
    const seen = { acknowledged: -1, struck: 0 }
    const found = history(blocks, rng(seed + i), seen)
    struck += seen.struck
    if (found !== null) wrong.push(`seed ${seed + i}: ${found}`)
  }
  console.log(JSON.stringify({ suite: 'S2', seed, cases: struck, histories: count, failures: wrong.length }))
  expect(wrong.slice(0, 5)).toEqual([])
  expect(struck).toBeGreaterThan(count)
})

test('each point and each fault, one by one: the next life starts from before or after the block, never between', () => {
  const [first, second] = chainOfBlocks(2) as [StoredBlock, StoredBlock]
  const outcomes = POINTS.slice(0, 5).flatMap((at) =>
    FAULTS.map((fault) => {
      const disk = new MemoryDisk()
      const before = memoryBlockStore({}, { disk })
      before.append(first)
      before.close()
      const store = memoryBlockStore({ faults: (point) => (point === at ? fault : null) }, { disk })
      const code = codeOf(() => store.append(second))
      store.close()
      return `${at} ${fault}: ${code}, then ${memoryBlockStore({}, { disk }).head()?.height}`
    }),
  )
  const kept = (line: string): boolean => line.endsWith('then 1')
  expect(outcomes.filter(kept).map((line) => line.split(':')[0])).toEqual([
    'commit kept',
    ...['committed', 'mark', 'marked'].flatMap((point) => FAULTS.map((fault) => `${point} ${fault}`)),
  ])
  expect(outcomes.filter((line) => !line.includes('STORE_FAILED')).map((line) => line.split(':')[0])).toEqual([
    'append full',
    'commit full',
  ])
})

test('a store that lost acknowledged blocks without a trace is refused', () => {
  for (let lost = 1; lost < 6; lost++) {
    const disk = new MemoryDisk()
    const store = memoryBlockStore({}, { disk })
    chainOfBlocks(8).forEach((block) => store.append(block))
    store.close()
    disk.loseTail(lost)
    expect(codeOf(() => memoryBlockStore({}, { disk }))).toBe('STORE_CORRUPT')
  }
})
