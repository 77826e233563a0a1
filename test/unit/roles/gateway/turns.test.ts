import { describe, expect, test } from 'vitest'
import { FairTurns } from '../../../../src/roles/gateway/turns.ts'

const never = new AbortController().signal
const settle = async (): Promise<void> => {
  for (let i = 0; i < 20; i++) await Promise.resolve()
}

/** Keeps `parallel` requests of every caller waiting and counts who was served in `rounds` turns. */
async function overload(turns: FairTurns, callers: { name: string; share: number; cost?: number }[], parallel: number, rounds: number) {
  const served = new Map(callers.map(({ name }) => [name, 0]))
  const budget = { left: rounds }
  const client = async (caller: { name: string; share: number; cost?: number }): Promise<void> => {
    while (budget.left > 0) {
      await turns.take(caller, caller.cost ?? 1, never, async () => {
        budget.left -= 1
        if (budget.left >= 0) served.set(caller.name, (served.get(caller.name) ?? 0) + 1)
        await Promise.resolve()
      })
    }
  }
  await Promise.all(callers.flatMap((caller) => Array.from({ length: parallel }, async () => await client(caller))))
  return served
}

describe('FairTurns', () => {
  test('with ten times the stake a caller gets ten times the turns under overload', async () => {
    const served = await overload(
      new FairTurns({ runningMax: 1 }),
      [
        { name: 'rich', share: 0.5 },
        { name: 'poor', share: 0.05 },
      ],
      8,
      550,
    )
    expect((served.get('rich') ?? 0) / (served.get('poor') ?? 1)).toBeGreaterThan(8)
  })

  test('nobody admitted starves: a share of almost nothing still gets a hundredth', async () => {
    const served = await overload(
      new FairTurns({ runningMax: 1 }),
      [
        { name: 'rich', share: 1 },
        { name: 'poor', share: 1e-9 },
      ],
      4,
      1_000,
    )
    expect(served.get('poor')).toBeGreaterThanOrEqual(9)
  })

  test('equal shares with unequal costs get equal service', async () => {
    const callers = [
      { name: 'long', share: 0.5, cost: 4 },
      { name: 'short', share: 0.5, cost: 1 },
    ]
    const served = await overload(new FairTurns({ runningMax: 1 }), callers, 4, 500)
    expect((served.get('short') ?? 0) / (served.get('long') ?? 1)).toBeGreaterThan(3.5)
    expect((served.get('short') ?? 0) / (served.get('long') ?? 1)).toBeLessThan(4.5)
  })

  test('no more than runningMax run at once', async () => {
    const turns = new FairTurns({ runningMax: 3 })
    let running = 0
    let most = 0
    await Promise.all(
      Array.from({ length: 20 }, async () => {
        await turns.take({ name: 'a', share: 1 }, 1, never, async () => {
          most = Math.max(most, ++running)
          await settle()
          running -= 1
        })
      }),
    )
    expect(most).toBe(3)
  })

  test('a caller that gives up waiting leaves the queue and takes no turn', async () => {
    const turns = new FairTurns({ runningMax: 1 })
    const gate = Promise.withResolvers<void>()
    const first = turns.take({ name: 'a', share: 1 }, 1, never, async () => await gate.promise)
    const stop = new AbortController()
    const second = turns.take({ name: 'b', share: 1 }, 1, stop.signal, async () => 'ran')
    stop.abort(new Error('gone'))
    await expect(second).rejects.toThrow('gone')
    const third = turns.take({ name: 'c', share: 1 }, 1, never, async () => 'ran')
    gate.resolve()
    await first
    expect(await third).toBe('ran')
  })

  test('a failed turn gives its place back', async () => {
    const turns = new FairTurns({ runningMax: 1 })
    const failing = turns.take({ name: 'a', share: 1 }, 1, never, async () => {
      throw new Error('broken')
    })
    await expect(failing).rejects.toThrow('broken')
    expect(await turns.take({ name: 'a', share: 1 }, 1, never, async () => 'ran')).toBe('ran')
  })
})
