/** What every block store must do (ports/block-store.ts, reliability.md 4.1). */
import { describe, expect, test } from 'vitest'
import type { NodeError } from '../../src/protocol/errors.ts'
import type { BlockStore } from '../../src/protocol/ports/block-store.ts'
import { chainOfBlocks, heightKey } from '../support/chain-of-blocks.ts'

export interface BlockStorePlace {
  /** Opens the store of this place; what was kept there before is found again. */
  open(retention?: { blocksMax: number; bytesMax: number }): BlockStore
}

export function blockStoreContract(name: string, place: () => BlockStorePlace): void {
  const bare = (block: ReturnType<typeof chainOfBlocks>[number]) => ({ ...block, rows: [] })
  const code = (work: () => unknown): string => {
    try {
      work()
      return 'nothing thrown'
    } catch (error) {
      return (error as NodeError).code
    }
  }

  describe(`block store: ${name}`, () => {
    test('a new store is empty', () => {
      const store = place().open()
      expect([store.head(), store.oldest(), store.load(0), store.newestSnapshot(), store.row('receipt', 'x')]).toEqual([
        null,
        null,
        null,
        null,
        null,
      ])
      store.close()
    })

    test('gives back every block, and the head, byte for byte', () => {
      const store = place().open()
      const blocks = chainOfBlocks(12)
      for (const block of blocks) {
        store.append(block)
        expect(store.head()).toEqual({ height: block.height, hash: block.hash, stateRoot: block.stateRoot })
      }
      expect(blocks.map((block) => store.load(block.height))).toEqual(blocks.map(bare))
      expect([store.load(12), store.load(-1), store.oldest()]).toEqual([null, null, 1])
      store.close()
    })

    test('what was appended is there when the store is opened again', () => {
      const at = place()
      const blocks = chainOfBlocks(5)
      const first = at.open()
      blocks.slice(0, 3).forEach((block) => first.append(block))
      first.saveSnapshot(2, blocks[2]!.stateRoot, new Uint8Array([1, 2, 3]))
      first.close()
      const second = at.open()
      expect(second.head()?.height).toBe(2)
      expect(second.newestSnapshot()).toEqual({ height: 2, stateRoot: blocks[2]!.stateRoot, bytes: new Uint8Array([1, 2, 3]) })
      blocks.slice(3).forEach((block) => second.append(block))
      second.close()
      const third = at.open()
      expect(blocks.map((block) => third.load(block.height))).toEqual(blocks.map(bare))
      expect(third.row('receipt', blocks[1]!.rows[0]!.key)).toEqual(blocks[1]!.rows[0]!.value)
      third.close()
    })

    test('takes only the block that follows the head, and the refusal changes nothing', () => {
      const store = place().open()
      const [genesis, one, two] = chainOfBlocks(3) as [never, never, never]
      expect(code(() => store.append(one))).toBe('STORE_ORDER')
      store.append(genesis)
      const before = store.head()
      expect(code(() => store.append(genesis))).toBe('STORE_ORDER')
      expect(code(() => store.append(two))).toBe('STORE_ORDER')
      expect(code(() => store.append({ ...(one as object), parent: new Uint8Array(32).fill(9) } as never))).toBe('STORE_ORDER')
      expect(store.head()).toEqual(before)
      store.append(one)
      store.append(two)
      expect(store.head()?.height).toBe(2)
      store.close()
    })

    test('rows are found by key and by range in both directions, a later block replaces an earlier value', () => {
      const store = place().open()
      const blocks = chainOfBlocks(12)
      blocks.forEach((block) => store.append(block))
      expect(store.row('epoch', 'slot-1')).toEqual(blocks[11]!.rows[2]!.value)
      expect(store.row('receipt', 'slot-1')).toBeNull()
      const range = { from: heightKey(3), to: heightKey(9), limit: 3 }
      const keys = (descending: boolean) => store.rows('history', { ...range, descending }).map((row) => Number(row.key))
      expect(keys(false)).toEqual([3, 4, 5])
      expect(keys(true)).toEqual([9, 8, 7])
      expect(store.rows('history', { from: heightKey(4), to: heightKey(4), limit: 9, descending: true })).toEqual([
        { key: heightKey(4), value: blocks[4]!.rows[1]!.value },
      ])
      expect(store.rows('neuron_epoch', { ...range, descending: false })).toEqual([])
      store.close()
    })

    test('keeps the two newest snapshots, of any size, only for blocks that are stored', () => {
      const store = place().open()
      const blocks = chainOfBlocks(4)
      blocks.forEach((block) => store.append(block))
      const large = new Uint8Array(3 * 2 ** 20 + 17).map((_, i) => i % 251)
      store.saveSnapshot(1, blocks[1]!.stateRoot, new Uint8Array())
      expect(store.newestSnapshot()?.bytes).toEqual(new Uint8Array())
      store.saveSnapshot(3, blocks[3]!.stateRoot, large)
      const snapshot = store.newestSnapshot()
      expect([snapshot?.height, snapshot?.stateRoot]).toEqual([3, blocks[3]!.stateRoot])
      expect(Buffer.compare(snapshot!.bytes, large)).toBe(0)
      expect(code(() => store.saveSnapshot(4, blocks[3]!.stateRoot, large))).toBe('STORE_ORDER')
      expect(code(() => store.saveSnapshot(2, blocks[3]!.stateRoot, large))).toBe('STORE_ORDER')
      store.close()
    })

    test('prunes old blocks with their rows, never the genesis nor what a restart needs', () => {
      const at = place()
      const keep = { blocksMax: 5, bytesMax: 2 ** 40 }
      const store = at.open(keep)
      const blocks = chainOfBlocks(40)
      blocks.slice(0, 20).forEach((block) => store.append(block))
      expect(store.oldest()).toBe(1)
      store.saveSnapshot(12, blocks[12]!.stateRoot, new Uint8Array([1]))
      blocks.slice(20, 30).forEach((block) => store.append(block))
      expect([store.oldest(), store.load(12), store.load(13)?.height, store.load(0)?.height]).toEqual([13, null, 13, 0])
      expect([store.row('history', heightKey(12)), store.row('history', heightKey(13)) === null]).toEqual([null, false])
      store.saveSnapshot(29, blocks[29]!.stateRoot, new Uint8Array([2]))
      store.saveSnapshot(28, blocks[28]!.stateRoot, new Uint8Array([2]))
      blocks.slice(30).forEach((block) => store.append(block))
      expect([store.oldest(), store.head()?.height]).toEqual([29, 39])
      store.close()
      const again = at.open(keep)
      expect([again.oldest(), again.head()?.height, again.load(29)?.height]).toEqual([29, 39, 29])
      again.close()
    })

    test('a second store cannot open the same place, and can once the first is closed', () => {
      const at = place()
      const first = at.open()
      expect(code(() => at.open())).toBe('STORE_LOCKED')
      first.close()
      at.open().close()
    })

    test('a closed store refuses everything, and closing twice is harmless', () => {
      const store = place().open()
      const blocks = chainOfBlocks(2)
      store.append(blocks[0]!)
      store.close()
      store.close()
      expect([code(() => store.append(blocks[1]!)), code(() => store.load(0)), code(() => store.newestSnapshot())]).toEqual(
        Array(3).fill('STORE_CLOSED'),
      )
    })

    test('what the caller does to its arrays later does not change what is stored', () => {
      const store = place().open()
      const [block] = chainOfBlocks(1)
      const expected = bare({ ...block!, block: block!.block.slice(), hash: block!.hash.slice() })
      store.append(block!)
      block!.block.fill(0)
      block!.hash.fill(0)
      expect(store.load(0)).toEqual(expected)
      expect(store.head()?.hash).toEqual(expected.hash)
      store.close()
    })
  })
}
