/** Start-time fair queueing: shares of the service, floors, and what goes when the queue is full. */
import { describe, expect, test } from 'vitest'
import { FairQueue } from '../../../src/network/fair-queue.ts'
import type { QueueLimits, Ticket, Waiting } from '../../../src/network/fair-queue.ts'
import { VirtualClock } from '../../support/clocks.ts'

const limits: QueueLimits = { requestsMax: 256, bytesMax: 32 * 1024 * 1024, perCallerMax: 32, runningMax: 1 }
const ask = (caller: string, change: Partial<Waiting> = {}): Waiting => ({
  caller,
  service: 'V',
  share: 0.1,
  method: 'expert.work',
  cost: 100,
  bytes: 10,
  deadline: Number.MAX_SAFE_INTEGER,
  ...change,
})

/** A queue whose service is stepped by hand, with the callers' backlog kept up. */
class Service {
  readonly queue: FairQueue
  readonly clock = new VirtualClock()
  readonly served: string[] = []
  readonly #running: Ticket[] = []

  constructor(change: Partial<QueueLimits> = {}) {
    this.queue = new FairQueue({ ...limits, ...change }, { clock: this.clock })
  }

  /** Enters a request; resolves to how it ended once that is known. */
  enter(waiting: Waiting): { ticket: Ticket; outcome: Promise<string> } {
    const ticket = this.queue.enter(waiting)
    const outcome = ticket.turn.then(
      () => {
        this.served.push(waiting.caller)
        this.#running.push(ticket)
        return 'served'
      },
      (error: { code: string }) => error.code,
    )
    return { ticket, outcome }
  }

  /** Finishes what is in service, `count` times. */
  async finish(count = 1): Promise<void> {
    for (let i = 0; i < count; i++) {
      await Promise.resolve()
      await new Promise((resolve) => setImmediate(resolve))
      this.#running.shift()?.leave()
    }
    await new Promise((resolve) => setImmediate(resolve))
  }

  count(caller: string): number {
    return this.served.filter((name) => name === caller).length
  }
}

/** Serves `rounds` requests while every caller keeps `depth` waiting. */
async function overload(service: Service, callers: Waiting[], rounds: number, depth = 8): Promise<void> {
  const waiting = new Map(callers.map((caller) => [caller.caller, 0]))
  const enter = (caller: Waiting): void => {
    waiting.set(caller.caller, (waiting.get(caller.caller) as number) + 1)
    void service.enter(caller).outcome.then(() => {
      waiting.set(caller.caller, (waiting.get(caller.caller) as number) - 1)
      if (service.served.length < rounds) enter(caller)
    })
  }
  for (const caller of callers) for (let i = 0; i < depth; i++) enter(caller)
  while (service.served.length < rounds) await service.finish()
}

describe('shares of the service', () => {
  test.each([
    [0.5, 0.05],
    [0.05, 0.005],
    [0.001, 0.0001],
  ])('shares %f and %f get service 10 to 1 at any size', async (large, small) => {
    const service = new Service()
    await overload(service, [ask('large', { share: large }), ask('small', { share: small })], 330)
    const ratio = service.count('large') / service.count('small')
    expect(ratio).toBeGreaterThan(8)
    expect(ratio).toBeLessThan(12)
  })
  test('cost counts: twice the cost is half the calls', async () => {
    const service = new Service()
    await overload(service, [ask('cheap', { cost: 50 }), ask('dear', { cost: 100 })], 300)
    expect(service.count('cheap') / service.count('dear')).toBeCloseTo(2, 0)
  })
  test('nobody admitted starves: a tiny share among large ones is served by its floor of 1 %', async () => {
    const service = new Service()
    await overload(service, [ask('whale', { share: 0.999 }), ask('dust', { share: 0.000_001 })], 505)
    expect(service.count('dust')).toBeGreaterThanOrEqual(4)
  })
  test('registered callers share one weight, strangers another, whatever their number', async () => {
    const service = new Service()
    const many = Array.from({ length: 10 }, (_, i) => ask(`r${i}`, { service: 'R', share: 0 }))
    await overload(service, [ask('v', { share: 1 }), ...many], 420, 4)
    const registered = service.served.length - service.count('v')
    expect(registered / service.served.length).toBeCloseTo(0.05 / 1.05, 1)
    expect(Math.min(...many.map(({ caller }) => service.count(caller)))).toBeGreaterThan(0)
  })
  test('who was idle comes in at once but gets no credit for the time it was away', async () => {
    const service = new Service()
    await overload(service, [ask('busy')], 100)
    const before = service.served.length
    await overload(service, [ask('busy'), ask('fresh')], before + 100)
    const later = service.served.slice(before)
    expect(later.slice(0, 12)).toContain('fresh')
    expect(later.filter((name) => name === 'fresh').length).toBeGreaterThan(35)
    expect(later.filter((name) => name === 'fresh').length).toBeLessThan(65)
  })
})

describe('bounds', () => {
  test('at most runningMax are in service', async () => {
    const service = new Service({ runningMax: 3 })
    for (let i = 0; i < 5; i++) service.enter(ask(`c${i}`))
    expect([service.queue.running, service.queue.queued]).toEqual([3, 2])
    await service.finish()
    expect([service.queue.running, service.queue.queued]).toEqual([3, 1])
  })
  test('when full, the newest of the caller with the largest queued cost / weight goes', async () => {
    const service = new Service({ requestsMax: 4 })
    service.enter(ask('running'))
    const heavy = [1, 2, 3].map(() => service.enter(ask('heavy', { share: 0.01 })))
    const light = service.enter(ask('light', { share: 0.5 }))
    const next = service.enter(ask('other', { share: 0.5 }))
    expect(await heavy[2]!.outcome).toBe('WIRE_BUSY')
    expect(service.queue.queued).toBe(4)
    await service.finish(5)
    expect(await Promise.all([heavy[0], heavy[1], light, next].map((entry) => entry!.outcome))).toEqual(Array(4).fill('served'))
  })
  test('one caller has at most perCallerMax waiting, and bodies at most bytesMax bytes', async () => {
    const service = new Service({ perCallerMax: 2, bytesMax: 1_000 })
    service.enter(ask('running'))
    const own = [1, 2, 3].map(() => service.enter(ask('a')))
    expect(await own[2]!.outcome).toBe('WIRE_BUSY')
    const large = service.enter(ask('b', { bytes: 2_000, cost: 2_000 }))
    expect(await large.outcome).toBe('WIRE_BUSY')
    expect(service.queue.queued).toBe(2)
  })
  test('who leaves while waiting makes room, and leaving twice counts once', async () => {
    const service = new Service()
    const first = service.enter(ask('a'))
    const second = service.enter(ask('b'))
    second.ticket.leave()
    second.ticket.leave()
    expect([service.queue.running, service.queue.queued]).toEqual([1, 0])
    first.ticket.leave()
    first.ticket.leave()
    expect(service.queue.running).toBe(0)
    service.enter(ask('c'))
    expect(service.queue.running).toBe(1)
  })
  test('what cannot finish in time is dropped when its turn comes', async () => {
    const service = new Service()
    for (let i = 0; i < 3; i++) {
      service.enter(ask('a'))
      await service.finish(0)
      await service.clock.advance(500)
      await service.finish()
    }
    service.enter(ask('a'))
    const hopeless = service.enter(ask('b', { deadline: service.clock.now() + 400 }))
    const hopeful = service.enter(ask('c', { deadline: service.clock.now() + 5_000 }))
    await service.finish()
    expect(await hopeless.outcome).toBe('WIRE_DEADLINE')
    expect(await hopeful.outcome).toBe('served')
  })
  test("a refusal says when to come back: the queue's estimated drain", async () => {
    const service = new Service({ requestsMax: 2 })
    service.enter(ask('a'))
    await service.finish(0)
    await service.clock.advance(100)
    await service.finish()
    for (let i = 0; i < 3; i++) service.enter(ask(`c${i}`))
    const refused = service.queue.enter(ask('late', { cost: 1_000 }))
    await expect(refused.turn).rejects.toMatchObject({ code: 'WIRE_BUSY', data: { retryAfterMs: 300 } })
  })
})
