import { describe, expect, test } from 'vitest'
import { train } from '../../../../src/roles/miner/trainer.ts'
import { Workload } from '../../../../src/roles/workload.ts'
import { ManualClock } from '../../../support/manual-clock.ts'
import { silentLog } from '../../../support/silent-log.ts'

/** Lets the trainer's pauses pass until it ends. */
async function run(clock: ManualClock, loop: Promise<void>): Promise<void> {
  const ended = { value: false }
  const watched = loop.then(() => {
    ended.value = true
  })
  while (!ended.value) {
    await new Promise((resolve) => setImmediate(resolve))
    clock.advance(10_000)
  }
  await watched
}
const status = () => ({ steps: 0, loss: null as number | null, over: false })

describe('train', () => {
  test('runs slices until the expert has nothing more to learn, and keeps the status current', async () => {
    const clock = new ManualClock()
    let done = 0
    const expert = { train: async () => (done >= 3 ? null : { steps: 1, bytes: 10, loss: 4 - done, done: ++done }) }
    const now = status()
    await run(
      clock,
      train(now, { expert, workload: new Workload({ trainersMax: 1 }), clock, log: silentLog() }, new AbortController().signal),
    )
    expect(now).toEqual({ steps: 3, loss: 2, over: true })
  })

  test('a failed slice is logged and tried again after a pause', async () => {
    const clock = new ManualClock()
    const log = silentLog()
    let calls = 0
    const expert = {
      train: async () => {
        calls += 1
        if (calls === 1) throw new Error('no memory')
        return null
      },
    }
    await run(clock, train(status(), { expert, workload: new Workload({ trainersMax: 1 }), clock, log }, new AbortController().signal))
    expect(calls).toBe(2)
    expect(log.lines).toContainEqual(expect.objectContaining({ level: 'error', data: { reason: 'no memory' } }))
  })

  test('ends when its signal aborts, even while it waits for answers to end', async () => {
    const workload = new Workload({ trainersMax: 1 })
    const gate = Promise.withResolvers<void>()
    const answer = workload.serve(async () => await gate.promise)
    const stop = new AbortController()
    const now = status()
    const loop = train(now, { expert: { train: async () => null }, workload, clock: new ManualClock(), log: silentLog() }, stop.signal)
    stop.abort(new Error('closing'))
    await loop
    expect(now.over).toBe(false)
    gate.resolve()
    await answer
  })
})
