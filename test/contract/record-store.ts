/** What every record store must do (ports/records.ts). */
import { describe, expect, test } from 'vitest'
import { NodeError } from '../../src/protocol/errors.ts'
import type { RecordStore } from '../../src/protocol/ports/records.ts'

export interface RecordStorePlace {
  open(): RecordStore
}

export function recordStoreContract(name: string, place: () => RecordStorePlace): void {
  const bytes = (...values: number[]) => new Uint8Array(values)
  const code = async (work: () => unknown): Promise<string> => {
    try {
      await work()
      return 'nothing thrown'
    } catch (error) {
      return error instanceof NodeError ? error.code : String(error)
    }
  }

  describe(`record store: ${name}`, () => {
    test('a row is found after it was put, and gone after it was deleted', async () => {
      const store = place().open()
      const table = store.table('tokens', { maxRows: 10 })
      expect(await table.get('a')).toBeNull()
      await table.put('a', bytes(1))
      await table.put('a', bytes(2, 3))
      expect(await table.get('a')).toEqual(bytes(2, 3))
      await table.delete('a')
      await table.delete('a')
      expect(await table.get('a')).toBeNull()
      await store.close()
    })

    test('rows and items survive closing and opening', async () => {
      const at = place()
      const first = at.open()
      await first.table('t', { maxRows: 10 }).put('k', bytes(7))
      await first.list('l', { maxBytes: 100 }).append([bytes(1), bytes(2)])
      await first.close()
      const second = at.open()
      expect(await second.table('t', { maxRows: 10 }).get('k')).toEqual(bytes(7))
      expect(await second.list('l', { maxBytes: 100 }).append([bytes(3)])).toBe(2)
      expect((await second.list('l', { maxBytes: 100 }).range(0, 9)).map((item) => item.value)).toEqual([bytes(1), bytes(2), bytes(3)])
      await second.close()
    })

    test('a table never holds more than its rows; the one written longest ago goes first', async () => {
      const store = place().open()
      const table = store.table('bounded', { maxRows: 3 })
      for (const key of ['a', 'b', 'c']) await table.put(key, bytes(0))
      await table.put('a', bytes(1))
      await table.put('d', bytes(0))
      const keys = async () => (await table.entries('', 100)).map((row) => row.key)
      expect(await keys()).toEqual(['a', 'c', 'd'])
      await table.delete('c')
      await table.put('e', bytes(0))
      expect(await keys()).toEqual(['a', 'd', 'e'])
      await Promise.all(['f', 'g', 'h', 'i'].map((key) => table.put(key, bytes(0))))
      expect(await keys()).toEqual(['g', 'h', 'i'])
      await store.close()
    })

    test('entries come in key order, by prefix, page after page', async () => {
      const store = place().open()
      const table = store.table('pages', { maxRows: 100 })
      for (const key of ['b/3', 'a/1', 'b/1', 'b/2', 'c', 'b']) await table.put(key, bytes(key.length))
      const keys = async (...args: Parameters<typeof table.entries>) => (await table.entries(...args)).map((row) => row.key)
      expect(await keys('b/', 2)).toEqual(['b/1', 'b/2'])
      expect(await keys('b/', 2, 'b/2')).toEqual(['b/3'])
      expect(await keys('', 100)).toEqual(['a/1', 'b', 'b/1', 'b/2', 'b/3', 'c'])
      expect(await keys('b/', 100, 'a/1')).toEqual(['b/1', 'b/2', 'b/3'])
      expect(await keys('x', 100)).toEqual([])
      await store.close()
    })

    test('a list keeps its indices when the oldest items are dropped', async () => {
      const store = place().open()
      const list = store.list('log', { maxBytes: 10 })
      expect(await list.bounds()).toEqual({ first: 0, next: 0 })
      expect(await list.append([bytes(1, 1, 1, 1), bytes(2, 2, 2, 2)])).toBe(0)
      expect(await list.append([bytes(3, 3, 3)])).toBe(2)
      expect(await list.bounds()).toEqual({ first: 1, next: 3 })
      expect(await list.range(0, 100)).toEqual([
        { index: 1, value: bytes(2, 2, 2, 2) },
        { index: 2, value: bytes(3, 3, 3) },
      ])
      expect(await list.range(2, 1)).toEqual([{ index: 2, value: bytes(3, 3, 3) }])
      expect(await list.append([new Uint8Array(11)])).toBe(3)
      expect([await list.bounds(), await list.range(0, 9)]).toEqual([{ first: 4, next: 4 }, []])
      expect(await list.append([])).toBe(4)
      await store.close()
    })

    test('writes that arrive together all take effect, in order', async () => {
      const store = place().open()
      const [table, list] = [store.table('t', { maxRows: 1_000 }), store.list('l', { maxBytes: 1_000 })]
      const first = await Promise.all(Array.from({ length: 50 }, (_, i) => list.append([bytes(i)])))
      await Promise.all(Array.from({ length: 50 }, (_, i) => table.put(`k${i % 7}`, bytes(i))))
      expect(first).toEqual(Array.from({ length: 50 }, (_, i) => i))
      expect((await list.range(0, 50)).map((item) => item.value[0])).toEqual(first)
      expect(await table.get('k0')).toEqual(bytes(49))
      await store.close()
    })

    test('refuses names, keys and bounds outside the limits', async () => {
      const store = place().open()
      const table = store.table('t', { maxRows: 1 })
      expect([
        await code(() => store.table('No', { maxRows: 1 })),
        await code(() => store.table('t', { maxRows: 0 })),
        await code(() => store.list('', { maxBytes: 5 })),
        await code(() => table.put('', bytes())),
        await code(() => table.put('é', bytes())),
        await code(() => table.put('k'.repeat(257), bytes())),
        await code(() => table.put('k', new Uint8Array(16 * 2 ** 20 + 1))),
      ]).toEqual(Array(7).fill('STORE_LIMIT'))
      await store.close()
    })

    test('a closed store refuses writes', async () => {
      const store = place().open()
      const table = store.table('t', { maxRows: 1 })
      await store.close()
      await store.close()
      expect([await code(() => table.put('k', bytes())), await code(() => table.get('k'))]).toEqual(['STORE_CLOSED', 'STORE_CLOSED'])
    })

    test('what was asked for before closing is written', async () => {
      const at = place()
      const store = at.open()
      const written = store.table('t', { maxRows: 5 }).put('k', bytes(4))
      await store.close()
      await written
      const again = at.open()
      expect(await again.table('t', { maxRows: 5 }).get('k')).toEqual(bytes(4))
      await again.close()
    })
  })
}
