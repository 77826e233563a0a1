import { describe, expect, test } from 'vitest'
import { recordCheckpoints } from '../../../src/experts/checkpoint-store.ts'
import { memoryRecordStore } from '../../../src/ledger/store/memory-record-store.ts'
import type { ModelSpec } from '../../../src/protocol/ports/compute.ts'

const spec: ModelSpec = { kind: 'transformer', width: 64, layers: 3, heads: 4, context: 288 }
const tableOf = () => memoryRecordStore().table('checkpoints', { maxRows: 100 })

describe('recordCheckpoints', () => {
  test('gives back what was saved last, weights larger than one row too', async () => {
    const store = recordCheckpoints(tableOf(), 'a')
    expect(await store.load(spec)).toBeNull()
    await store.save(spec, { done: 1, weights: Uint8Array.of(1, 2, 3) })
    const weights = new Uint8Array(17 * 2 ** 20).map((_, i) => (i * 31) % 251)
    await store.save(spec, { done: 2, weights })
    const loaded = await store.load(spec)
    expect(loaded?.done).toBe(2)
    expect(Buffer.compare(loaded?.weights ?? new Uint8Array(0), weights)).toBe(0)
  })

  test('two experts in one table do not meet', async () => {
    const table = tableOf()
    await recordCheckpoints(table, 'a').save(spec, { done: 5, weights: Uint8Array.of(5) })
    expect(await recordCheckpoints(table, 'b').load(spec)).toBeNull()
  })

  test('a save that dies before its end leaves the checkpoint before', async () => {
    const table = tableOf()
    const store = recordCheckpoints(table, 'a')
    await store.save(spec, { done: 1, weights: Uint8Array.of(1) })
    const dying = {
      get: table.get.bind(table),
      put: async (key: string, value: Uint8Array) => {
        if (key === 'a') throw new Error('power cut')
        await table.put(key, value)
      },
    }
    await expect(recordCheckpoints(dying, 'a').save(spec, { done: 2, weights: Uint8Array.of(2) })).rejects.toThrow('power cut')
    expect(await store.load(spec)).toEqual({ done: 1, weights: Uint8Array.of(1) })
  })

  test('another spec, damage and missing parts are refused', async () => {
    const table = tableOf()
    const store = recordCheckpoints(table, 'a')
    await store.save(spec, { done: 1, weights: Uint8Array.of(1, 2) })
    await expect(store.load({ ...spec, layers: 4 })).rejects.toMatchObject({ code: 'EXPERTS_CHECKPOINT_OTHER' })
    await table.put('a/0/0', Uint8Array.of(1, 3))
    await expect(store.load(spec)).rejects.toMatchObject({ code: 'EXPERTS_CHECKPOINT_OTHER' })
    await table.delete('a/0/0')
    await expect(store.load(spec)).rejects.toMatchObject({ code: 'EXPERTS_CHECKPOINT_OTHER' })
  })
})
