import { describe, expect, test } from 'vitest'
import { Workload } from '../../../src/roles/workload.ts'

const never = new AbortController().signal
const turns = async (): Promise<void> => {
  for (let i = 0; i < 10; i++) await Promise.resolve()
}

describe('Workload', () => {
  test('no training slice begins while an answer is computed', async () => {
    const workload = new Workload({ trainersMax: 1 })
    const gate = Promise.withResolvers<void>()
    const answer = workload.serve(async () => await gate.promise)
    let trained = false
    const slice = workload.train(async () => {
      trained = true
    }, never)
    await turns()
    expect(trained).toBe(false)
    gate.resolve()
    await Promise.all([answer, slice])
    expect(trained).toBe(true)
  })

  test('an answer never waits for a slice', async () => {
    const workload = new Workload({ trainersMax: 1 })
    const gate = Promise.withResolvers<void>()
    const slice = workload.train(async () => await gate.promise, never)
    expect(await workload.serve(async () => 'answered')).toBe('answered')
    gate.resolve()
    await slice
  })

  test('slices take turns in the order they came, no more than the limit at once', async () => {
    const workload = new Workload({ trainersMax: 2 })
    const order: number[] = []
    let running = 0
    let most = 0
    await Promise.all(
      Array.from({ length: 6 }, async (_, i) => {
        await workload.train(async () => {
          order.push(i)
          most = Math.max(most, ++running)
          await turns()
          running -= 1
        }, never)
      }),
    )
    expect(order).toEqual([0, 1, 2, 3, 4, 5])
    expect(most).toBe(2)
  })

  test('a failed answer or slice gives its place back', async () => {
    const workload = new Workload({ trainersMax: 1 })
    const broken = async (): Promise<never> => {
      throw new Error('broken')
    }
    await expect(workload.serve(broken)).rejects.toThrow('broken')
    await expect(workload.train(broken, never)).rejects.toThrow('broken')
    expect(await workload.train(async () => 'trained', never)).toBe('trained')
  })

  test('a slice that is given up while it waits never runs', async () => {
    const workload = new Workload({ trainersMax: 1 })
    const gate = Promise.withResolvers<void>()
    const answer = workload.serve(async () => await gate.promise)
    const stop = new AbortController()
    let ran = false
    const slice = workload.train(async () => {
      ran = true
    }, stop.signal)
    stop.abort(new Error('closing'))
    await expect(slice).rejects.toThrow('closing')
    gate.resolve()
    await answer
    expect(ran).toBe(false)
  })
})
