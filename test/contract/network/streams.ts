/** Contract of the Network port: streams, cancellation and deadlines. */
import { expect, test } from 'vitest'
import { concat, toHex, utf8 } from '../../../src/protocol/bytes.ts'
import { NodeError } from '../../../src/protocol/errors.ts'
import { decode } from '../../../src/protocol/frames.ts'
import { sha256 } from '../../../src/protocol/hash.ts'
import { realClock } from '../../support/clocks.ts'
import { alice, at, bob, failing, rule, signal, soon } from '../../support/network-scene.ts'
import type { OpenScene } from '../../support/network-scene.ts'

export function streams(open: OpenScene): void {
  test('chunks come in order before the End that proves them', async () => {
    await using world = await open()
    const [a, b] = [await world.neuron(alice), await world.neuron(bob)]
    const parts = Array.from({ length: 20 }, (_, i) => new Uint8Array(30_000).fill(i))
    b.serve('node.parts', rule(), async ({ chunk }) => {
      for (const part of parts) await chunk(part)
      return utf8('done')
    })
    const got: Uint8Array[] = []
    const stream = a.stream(at(bob, b), 'node.parts', utf8(''), soon)
    let step = await stream.next()
    for (; !step.done; step = await stream.next()) got.push(step.value)
    expect(got).toEqual(parts)
    expect(step.value.body).toEqual(utf8('done'))
    const head = decode('head', step.value.head)
    expect([head.chunks, head.bytes]).toEqual([20, 600_004])
    expect(toHex(head.root)).toBe(toHex(sha256(concat(...parts, utf8('done')))))
  })

  test('a consumer that does not read holds the handler back', async () => {
    await using world = await open()
    const [a, b] = [await world.neuron(alice), await world.neuron(bob)]
    const total = 100
    let sent = 0
    const cancelled = signal()
    b.serve('node.flood', rule(), async ({ chunk, signal: job }) => {
      job.addEventListener('abort', () => cancelled.resolve())
      for (; sent < total; sent++) await chunk(new Uint8Array(64 * 1024))
      return utf8('')
    })
    const stream = a.stream(at(bob, b), 'node.flood', utf8(''), soon)
    await stream.next()
    await realClock.sleep(300)
    // A window each way and what the kernel holds, not the whole answer.
    expect(sent).toBeLessThan(total / 2)
    await stream.return(undefined as never)
    await cancelled.promise
    expect(sent).toBeLessThan(total)
  })

  test('leaving the stream or aborting aborts the handler', async () => {
    await using world = await open()
    const [a, b] = [await world.neuron(alice), await world.neuron(bob)]
    const started: (() => void)[] = []
    const ended: ((reason: unknown) => void)[] = []
    b.serve('node.wait', rule(), async ({ signal: job, chunk }) => {
      await chunk(utf8('go'))
      started.shift()?.()
      return await new Promise((_, reject) =>
        job.addEventListener('abort', () => {
          ended.shift()?.(job.reason)
          reject(job.reason)
        }),
      )
    })
    const left = Promise.withResolvers<unknown>()
    ended.push(left.resolve)
    const stream = a.stream(at(bob, b), 'node.wait', utf8(''), soon)
    await stream.next()
    await stream.return(undefined as never)
    expect(await left.promise).toEqual(failing('WIRE_CANCELLED'))

    const aborted = Promise.withResolvers<unknown>()
    ended.push(aborted.resolve)
    const isRunning = signal()
    started.push(isRunning.resolve)
    const abort = new AbortController()
    const call = a.call(at(bob, b), 'node.wait', utf8(''), { ...soon, signal: abort.signal })
    call.catch(() => undefined)
    await isRunning.promise
    abort.abort()
    expect(await aborted.promise).toEqual(failing('WIRE_CANCELLED'))
    await expect(call).rejects.toEqual(failing('WIRE_CANCELLED'))
  })

  test('the deadline ends the call on both sides', async () => {
    await using world = await open()
    const [a, b] = [await world.neuron(alice), await world.neuron(bob)]
    const over = signal()
    b.serve('node.wait', rule(), async ({ signal: job }) => {
      await new Promise<void>((resolve) => job.addEventListener('abort', () => resolve()))
      over.resolve()
      return utf8('too late')
    })
    await expect(a.call(at(bob, b), 'node.wait', utf8(''), { netuid: 1, deadlineMs: 300 })).rejects.toEqual(failing('WIRE_DEADLINE'))
    await over.promise
  })

  test('a callee that works for longer than a second says so', async () => {
    await using world = await open()
    const b = await world.neuron(bob)
    const raw = await world.raw(alice, b)
    b.serve('node.slow', rule(), async ({ body }) => {
      await realClock.sleep(1_200)
      return body
    })
    const answer = await raw.request(raw.header(bob.publicKey, 'node.slow', utf8('x')), utf8('x'))
    expect(answer.frames.map(({ kind }) => kind)).toEqual(['ack', 'end'])
    expect(answer.frames[0]?.value).toMatchObject({ state: 1, position: 0 })
  })

  test('a peer that disappears in the middle of a call fails the call', async () => {
    await using world = await open()
    const [a, b] = [await world.neuron(alice), await world.neuron(bob)]
    const isRunning = signal()
    b.serve('node.wait', rule(), async ({ signal: job }) => {
      isRunning.resolve()
      await new Promise<void>((resolve) => job.addEventListener('abort', () => resolve()))
      return utf8('')
    })
    const call = a.call(at(bob, b), 'node.wait', utf8(''), soon)
    call.catch(() => undefined)
    await isRunning.promise
    await b.close()
    const error = await call.catch((reason: unknown) => reason)
    expect(error).toBeInstanceOf(NodeError)
    expect(['WIRE_SHUTTING_DOWN', 'WIRE_UNREACHABLE']).toContain((error as NodeError).code)
  })
}
