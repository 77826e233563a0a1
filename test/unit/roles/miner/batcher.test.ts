import { describe, expect, test } from 'vitest'
import { Batcher } from '../../../../src/roles/miner/batcher.ts'
import { Workload } from '../../../../src/roles/workload.ts'

const never = new AbortController().signal

class CountingModel {
  readonly batches: number[] = []
  gate: Promise<void> = Promise.resolve()

  async predict(contexts: readonly Uint8Array[]): Promise<Uint8Array[]> {
    this.batches.push(contexts.length)
    await this.gate
    if (contexts.some(([first]) => first === 255)) throw new Error('broken')
    return contexts.map((context) => context.slice())
  }
}
const batcherOf = (expert: CountingModel, batchMax = 4): Batcher =>
  new Batcher({ batchMax }, { expert, workload: new Workload({ trainersMax: 1 }) })

describe('Batcher', () => {
  test('queries that come together are answered by one call, each with its own leaves', async () => {
    const model = new CountingModel()
    const batcher = batcherOf(model)
    const answers = await Promise.all([1, 2, 3].map(async (n) => await batcher.predict(Uint8Array.of(n), 0, never)))
    expect(answers.map(([first]) => first)).toEqual([1, 2, 3])
    expect(model.batches).toEqual([3])
  })

  test('what comes while the model works is gathered for the next call, up to the limit', async () => {
    const model = new CountingModel()
    const gate = Promise.withResolvers<void>()
    model.gate = gate.promise
    const batcher = batcherOf(model)
    const first = batcher.predict(Uint8Array.of(1), 0, never)
    await Promise.resolve()
    const others = [2, 3, 4, 5, 6].map(async (n) => await batcher.predict(Uint8Array.of(n), 0, never))
    gate.resolve()
    await Promise.all([first, ...others])
    expect(model.batches).toEqual([1, 4, 1])
  })

  test('a query that was cancelled while it waited costs the model nothing', async () => {
    const model = new CountingModel()
    const gate = Promise.withResolvers<void>()
    model.gate = gate.promise
    const batcher = batcherOf(model)
    const first = batcher.predict(Uint8Array.of(1), 0, never)
    await Promise.resolve()
    const stop = new AbortController()
    const second = batcher.predict(Uint8Array.of(2), 0, stop.signal)
    stop.abort(new Error('gone'))
    gate.resolve()
    await expect(second).rejects.toThrow('gone')
    await first
    expect(model.batches).toEqual([1])
  })

  test('a failing call fails its batch alone', async () => {
    const model = new CountingModel()
    const batcher = batcherOf(model)
    await expect(batcher.predict(Uint8Array.of(255), 0, never)).rejects.toThrow('broken')
    expect(await batcher.predict(Uint8Array.of(7), 0, never)).toEqual(Uint8Array.of(7))
  })
})
