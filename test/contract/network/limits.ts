/** Contract of the Network port: fairness, rates, full queues and closing. */
import { expect, test } from 'vitest'
import { utf8 } from '../../../src/protocol/bytes.ts'
import type { NodeError } from '../../../src/protocol/errors.ts'
import type { Network } from '../../../src/protocol/ports/network.ts'
import { minerAccess, validatorAccess } from '../../support/network-parts.ts'
import { alice, at, bob, carol, echo, failing, rule, signal, soon } from '../../support/network-scene.ts'
import type { OpenScene } from '../../support/network-scene.ts'

export function limits(open: OpenScene): void {
  test('under overload ten times the stake gets at least five times the service, and the small one is served', async () => {
    await using world = await open()
    world.members.set(alice, validatorAccess(0.5)).set(carol, validatorAccess(0.05))
    const [a, c] = [await world.neuron(alice), await world.neuron(carol)]
    const b = await world.neuron(bob, { limits: { runningMax: 1 } })
    const total = 120
    const served = [0, 0]
    const arrived = [0, 0]
    let changed = signal()
    const ended = signal()
    // The queue asks for the cost of each request as it comes: so this knows who has work waiting.
    const cost = (body: Uint8Array): number => {
      arrived[body[0] as number]! += 1
      changed.resolve()
      changed = signal()
      return 100
    }
    const bothWait = (): boolean => arrived.every((count, who) => count > served[who]!)
    b.serve('expert.work', rule({ cost }), async ({ body }) => {
      served[body[0] as number]! += 1
      if (served[0]! + served[1]! >= total) ended.resolve()
      else while (!bothWait()) await changed.promise
      return body
    })
    const stop = new AbortController()
    const load = async (network: Network, who: number): Promise<void> => {
      const ask = { netuid: 1, deadlineMs: 60_000, signal: stop.signal }
      while (!stop.signal.aborted) await network.call(at(bob, b), 'expert.work', Uint8Array.of(who), ask).catch(() => undefined)
    }
    const loads = [a, c].flatMap((network, who) => Array.from({ length: 6 }, () => load(network, who)))
    await ended.promise
    const [large, small] = served as [number, number]
    stop.abort()
    await Promise.all(loads)
    expect(small).toBeGreaterThan(0)
    expect(large / small).toBeGreaterThanOrEqual(5)
  })

  test('who asks too often is told when to come back, and others are not', async () => {
    await using world = await open()
    world.members.set(carol, minerAccess)
    const [a, c, b] = [await world.neuron(alice), await world.neuron(carol), await world.neuron(bob)]
    b.serve('node.echo', rule(), echo)
    const calls = Array.from({ length: 4 }, () => c.call(at(bob, b), 'node.echo', utf8('x'), soon))
    const outcomes = await Promise.allSettled(calls)
    const refused = outcomes.filter((outcome) => outcome.status === 'rejected').map(({ reason }) => reason as NodeError)
    expect(refused.length).toBe(2)
    for (const { code, data } of refused) {
      expect(code).toBe('WIRE_RATE_LIMITED')
      expect(data['retryAfterMs']).toBeGreaterThan(0)
    }
    expect((await a.call(at(bob, b), 'node.echo', utf8('x'), soon)).body).toEqual(utf8('x'))
  })

  test('a full queue drops the newest of who asks most, and says busy', async () => {
    await using world = await open()
    world.members.set(alice, validatorAccess(0.5)).set(carol, validatorAccess(0.5))
    const b = await world.neuron(bob, { limits: { runningMax: 1, queueRequestsMax: 4 } })
    const [a, c] = [await world.neuron(alice), await world.neuron(carol)]
    const finish = signal()
    const isRunning = signal()
    b.serve('expert.work', rule({ cost: () => 1 }), async ({ body }) => {
      isRunning.resolve()
      await finish.promise
      return body
    })
    const ask = (network: Network): Promise<string> =>
      network.call(at(bob, b), 'expert.work', utf8('x'), soon).then(
        () => 'served',
        (error: NodeError) => error.code,
      )
    const first = ask(a)
    await isRunning.promise
    let refused = 0
    const waiting: { count: number; resolve(): void }[] = []
    const refusals = (count: number): Promise<void> => new Promise((resolve) => waiting.push({ count, resolve }))
    const three = refusals(3)
    const four = refusals(4)
    const greedy = Array.from({ length: 7 }, async () => {
      const outcome = await ask(a)
      if (outcome === 'WIRE_BUSY') refused++
      for (const { count, resolve } of waiting) if (refused >= count) resolve()
      return outcome
    })
    await three
    // The queue holds four of alice's. Carol's one call is let in, and the newest of alice's goes.
    const modest = ask(c)
    await four
    finish.resolve()
    expect(await modest).toBe('served')
    expect(await first).toBe('served')
    const outcomes = await Promise.all(greedy)
    expect(outcomes.filter((outcome) => outcome === 'served')).toHaveLength(3)
    expect(outcomes.filter((outcome) => outcome === 'WIRE_BUSY')).toHaveLength(4)
  })

  test('closing ends what waits, and refuses what comes', async () => {
    await using world = await open()
    const [a, b] = [await world.neuron(alice), await world.neuron(bob)]
    b.serve('node.echo', rule(), echo)
    await a.call(at(bob, b), 'node.echo', utf8('x'), soon)
    await a.close()
    await expect(a.call(at(bob, b), 'node.echo', utf8('x'), soon)).rejects.toEqual(failing('WIRE_SHUTTING_DOWN'))
    await a.close()
  })
}
