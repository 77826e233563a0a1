/** What every Network must do (wire.md 1), whatever carries it. Each world is one network of its own; nothing is shared. */
import { describe, expect, test } from 'vitest'
import type { Carrier } from '../../src/network/carrier.ts'
import type { NeuronOptions, NeuronParts } from '../../src/network/options.ts'
import { concat, toHex, utf8 } from '../../src/protocol/bytes.ts'
import { NodeError } from '../../src/protocol/errors.ts'
import { encodeFrame } from '../../src/protocol/frame-codec.ts'
import { decode, hashOf, signingBytes } from '../../src/protocol/frames.ts'
import type { Call } from '../../src/protocol/frames.ts'
import { sha256 } from '../../src/protocol/hash.ts'
import type { Answer, Handler, MethodRule, Network, PeerTarget } from '../../src/protocol/ports/network.ts'
import { realClock } from '../support/clocks.ts'
import { testKey, testSignature } from '../support/network-keys.ts'
import type { TestKey } from '../support/network-keys.ts'
import { minerAccess, neuronParts, TestMembers, testGenesis, validatorAccess } from '../support/network-parts.ts'
import { RawPeer, sendRaw, signedAuth } from '../support/raw-peer.ts'

export interface NetworkWorld {
  neuron(options: NeuronOptions, parts: NeuronParts): Promise<Network>
  /** A carrier without a network on it, for hostile peers. */
  carrier(name: string): Promise<Carrier>
  close(): Promise<void>
}

const alice = testKey('alice')
const bob = testKey('bob')
const carol = testKey('carol')
const rule = (change: Partial<MethodRule> = {}): MethodRule => ({
  class: 'registered',
  requestBytesMax: 64 * 1024,
  answerBytesMax: 8 * 1024 * 1024,
  ...change,
})
const options = (change: Partial<NeuronOptions> = {}): NeuronOptions => ({
  genesis: testGenesis,
  chainId: 'test',
  roles: ['miner'],
  ...change,
})
const soon = { netuid: 1, deadlineMs: 5_000 }
/** Resolves when what a test waits for has happened. */
const signal = (): PromiseWithResolvers<void> => Promise.withResolvers<void>()

/** One world with alice and bob in it; closed whatever happens. */
class Scene implements AsyncDisposable {
  readonly members = new TestMembers().set(alice, validatorAccess(0.5)).set(bob, minerAccess)
  readonly #world: NetworkWorld
  readonly #networks: Network[] = []
  readonly #carriers: Carrier[] = []

  constructor(world: NetworkWorld) {
    this.#world = world
  }

  parts(key: TestKey): NeuronParts {
    return neuronParts(key, this.members, realClock)
  }

  async neuron(key: TestKey, change: Partial<NeuronOptions> = {}, parts: Partial<NeuronParts> = {}): Promise<Network> {
    const network = await this.#world.neuron(options(change), { ...this.parts(key), ...parts })
    this.#networks.push(network)
    return network
  }

  async raw(key: TestKey, to: Network): Promise<RawPeer> {
    return await RawPeer.connect(await this.carrier(`raw-${key.name}`), to.addresses(), key, this.parts(key))
  }

  async carrier(name: string): Promise<Carrier> {
    const carrier = await this.#world.carrier(name)
    this.#carriers.push(carrier)
    return carrier
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#networks, ...this.#carriers].map((part) => part.close()))
    await this.#world.close()
  }
}

const at = (key: TestKey, network: Network): PeerTarget => ({ hotkey: key.publicKey, addresses: network.addresses() })
const echo: Handler = async ({ body }) => body
const failing = (code: string): unknown => expect.objectContaining({ code })

export function networkContract(name: string, open: () => Promise<NetworkWorld>): void {
  const scene = async (): Promise<Scene> => new Scene(await open())

  describe(`Network: ${name}`, () => {
    calls(scene)
    streams(scene)
    authentication(scene)
    hostile(scene)
    limits(scene)
  })
}

type Open = () => Promise<Scene>

function calls(scene: Open): void {
  test('an answer comes back signed over the very call, with its times', async () => {
    await using world = await scene()
    const [a, b] = [await world.neuron(alice), await world.neuron(bob)]
    b.serve('node.echo', rule(), echo)
    const answer: Answer = await a.call(at(bob, b), 'node.echo', utf8('hello'), soon)
    expect(answer.body).toEqual(utf8('hello'))
    const call = decode('call', answer.call)
    const head = decode('head', answer.head)
    expect([toHex(call.caller), toHex(call.receiver), call.netuid]).toEqual([alice.hex, bob.hex, 1])
    expect(toHex(head.request)).toBe(toHex(sha256(answer.call)))
    expect(toHex(head.root)).toBe(toHex(sha256(utf8('hello'))))
    expect(testSignature.verify('sr25519', bob.publicKey, signingBytes('head', answer.head), answer.signature)).toBe(true)
    expect(answer.roundTripMs).toBeGreaterThan(0)
  })

  test('a handler learns who calls, for which market and with what access', async () => {
    await using world = await scene()
    const [a, b] = [await world.neuron(alice), await world.neuron(bob)]
    let seen: unknown
    b.serve('node.echo', rule(), async ({ caller, netuid, method, access, deadline, body }) => {
      seen = { caller: toHex(caller ?? new Uint8Array()), netuid, method, access, timely: deadline > Date.now() }
      return body
    })
    await a.call(at(bob, b), 'node.echo', utf8('x'), soon)
    expect(seen).toEqual({ caller: alice.hex, netuid: 1, method: 'node.echo', access: validatorAccess(0.5), timely: true })
  })

  test('calls go both ways over one connection, and many at once', async () => {
    await using world = await scene()
    const [a, b] = [await world.neuron(alice), await world.neuron(bob)]
    world.members.set(bob, validatorAccess(0.5))
    for (const network of [a, b]) network.serve('expert.echo', rule(), echo)
    await a.call(at(bob, b), 'expert.echo', utf8('first'), soon)
    // Bob has no address of alice: only the standing connection can carry this.
    const back = await b.call({ hotkey: alice.publicKey, addresses: [] }, 'expert.echo', utf8('back'), soon)
    expect(back.body).toEqual(utf8('back'))
    const bodies = Array.from({ length: 60 }, (_, i) => utf8(`call ${i}`))
    const answers = await Promise.all(bodies.map((body) => a.call(at(bob, b), 'expert.echo', body, soon)))
    expect(answers.map(({ body }) => body)).toEqual(bodies)
  })

  test('a thrown NodeError is its wire error; anything else is internal and tells nothing', async () => {
    await using world = await scene()
    const [a, b] = [await world.neuron(alice), await world.neuron(bob)]
    b.serve('node.busy', rule(), async () => {
      throw new NodeError('WIRE_BUSY', { retryAfterMs: 700 })
    })
    b.serve('node.argument', rule(), async () => {
      throw new NodeError('NATIVE_ARGUMENT', { detail: 'a path /home/x' })
    })
    b.serve('node.bug', rule(), async () => {
      throw new Error('secret')
    })
    const busy = a.call(at(bob, b), 'node.busy', utf8(''), soon)
    await expect(busy).rejects.toMatchObject({ code: 'WIRE_BUSY', data: { retryAfterMs: 700 } })
    const argument = a.call(at(bob, b), 'node.argument', utf8(''), soon)
    await expect(argument).rejects.toMatchObject({ code: 'WIRE_MALFORMED', data: { detail: 'NATIVE_ARGUMENT' } })
    await expect(a.call(at(bob, b), 'node.bug', utf8(''), soon)).rejects.toMatchObject({ code: 'WIRE_INTERNAL', data: { detail: '' } })
  })

  test('an anonymous call reaches an open method without a key, and no other', async () => {
    await using world = await scene()
    const [a, b] = [await world.neuron(alice), await world.neuron(bob)]
    let caller: Uint8Array | null | undefined
    b.serve('chain.head', rule({ class: 'open' }), async (call) => {
      caller = call.caller
      return call.body
    })
    b.serve('node.echo', rule(), echo)
    const answer = await a.call(at(bob, b), 'chain.head', utf8('?'), { ...soon, anonymous: true })
    expect(answer.body).toEqual(utf8('?'))
    expect(caller).toBeNull()
    await expect(a.call(at(bob, b), 'node.echo', utf8('?'), { ...soon, anonymous: true })).rejects.toEqual(failing('WIRE_FORBIDDEN'))
  })

  test('an unsigned End is taken only by who asked for it', async () => {
    await using world = await scene()
    const [a, b] = [await world.neuron(alice), await world.neuron(bob)]
    b.serve('node.echo', rule(), echo)
    const answer = await a.call(at(bob, b), 'node.echo', utf8('x'), { ...soon, unsignedEnd: true })
    expect(answer.signature).toEqual(new Uint8Array(64))
  })

  test('an answer under another key is refused', async () => {
    await using world = await scene()
    let isHonest = true
    const sign = (message: Uint8Array): Promise<Uint8Array> => (isHonest ? bob : carol).signer.sign(message)
    const [a, liar] = [await world.neuron(alice), await world.neuron(bob, {}, { signer: { ...bob.signer, sign } })]
    liar.serve('node.echo', rule(), async ({ body }) => {
      isHonest = false
      return body
    })
    await expect(a.call(at(bob, liar), 'node.echo', utf8('x'), soon)).rejects.toEqual(failing('WIRE_ANSWER_INVALID'))
  })

  test('a peer that proves another key than the one called is not believed', async () => {
    await using world = await scene()
    const [a, b] = [await world.neuron(alice), await world.neuron(bob)]
    b.serve('node.echo', rule(), echo)
    await expect(a.call({ ...at(bob, b), hotkey: carol.publicKey }, 'node.echo', utf8('x'), soon)).rejects.toEqual(
      failing('WIRE_UNAUTHENTICATED'),
    )
  })

  test('who is on another chain is told so', async () => {
    await using world = await scene()
    const [a, b] = [await world.neuron(alice, { genesis: new Uint8Array(32).fill(9) }), await world.neuron(bob)]
    b.serve('node.echo', rule(), echo)
    await expect(a.call(at(bob, b), 'node.echo', utf8('x'), soon)).rejects.toEqual(failing('WIRE_WRONG_CHAIN'))
  })

  test('whose clock is off by more than 10 s is told so', async () => {
    await using world = await scene()
    const late = { ...realClock, now: () => Date.now() - 11_000 }
    const [a, b] = [await world.neuron(alice, {}, { clock: late }), await world.neuron(bob)]
    b.serve('node.echo', rule(), echo)
    await expect(a.call(at(bob, b), 'node.echo', utf8('x'), soon)).rejects.toEqual(failing('WIRE_CLOCK'))
  })

  test('nobody at the address is unreachable, and a wrong address is not dialled', async () => {
    await using world = await scene()
    const [a, b] = [await world.neuron(alice), await world.neuron(bob)]
    const peer = at(bob, b)
    await b.close()
    await expect(a.call(peer, 'node.echo', utf8('x'), soon)).rejects.toEqual(failing('WIRE_UNREACHABLE'))
    const nowhere = { ...peer, addresses: ['/dns4/localhost/tcp/1'] }
    await expect(a.call(nowhere, 'node.echo', utf8('x'), soon)).rejects.toEqual(failing('WIRE_ADDRESS_REFUSED'))
  })

  test('a peer that comes back under its key is dialled again', async () => {
    await using world = await scene()
    const a = await world.neuron(alice)
    const first = await world.neuron(bob)
    first.serve('node.echo', rule(), echo)
    await a.call(at(bob, first), 'node.echo', utf8('1'), soon)
    await first.close()
    const second = await world.neuron(bob)
    second.serve('node.echo', rule(), echo)
    const answer = await a.call(at(bob, second), 'node.echo', utf8('2'), soon)
    expect(answer.body).toEqual(utf8('2'))
  })
}

function streams(scene: Open): void {
  test('chunks come in order before the End that proves them', async () => {
    await using world = await scene()
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
    await using world = await scene()
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

  test('leaving the stream or aborting aborts the handler within 100 ms', async () => {
    await using world = await scene()
    const [a, b] = [await world.neuron(alice), await world.neuron(bob)]
    const started: (() => void)[] = []
    const ended: ((at: number) => void)[] = []
    b.serve('node.wait', rule(), async ({ signal: job, chunk }) => {
      await chunk(utf8('go'))
      started.shift()?.()
      return await new Promise((_, reject) =>
        job.addEventListener('abort', () => {
          ended.shift()?.(performance.now())
          reject(job.reason)
        }),
      )
    })
    const left = Promise.withResolvers<number>()
    ended.push(left.resolve)
    const stream = a.stream(at(bob, b), 'node.wait', utf8(''), soon)
    await stream.next()
    const leftAt = performance.now()
    await stream.return(undefined as never)
    expect((await left.promise) - leftAt).toBeLessThan(100)

    const aborted = Promise.withResolvers<number>()
    ended.push(aborted.resolve)
    const isRunning = signal()
    started.push(isRunning.resolve)
    const abort = new AbortController()
    const call = a.call(at(bob, b), 'node.wait', utf8(''), { ...soon, signal: abort.signal })
    call.catch(() => undefined)
    await isRunning.promise
    const abortedAt = performance.now()
    abort.abort()
    expect((await aborted.promise) - abortedAt).toBeLessThan(100)
    await expect(call).rejects.toEqual(failing('WIRE_CANCELLED'))
  })

  test('the deadline ends the call on both sides', async () => {
    await using world = await scene()
    const [a, b] = [await world.neuron(alice), await world.neuron(bob)]
    const over = signal()
    b.serve('node.wait', rule(), async ({ signal: job }) => {
      await new Promise<void>((resolve) => job.addEventListener('abort', () => resolve()))
      over.resolve()
      return utf8('too late')
    })
    const startedAt = performance.now()
    await expect(a.call(at(bob, b), 'node.wait', utf8(''), { netuid: 1, deadlineMs: 300 })).rejects.toEqual(failing('WIRE_DEADLINE'))
    await over.promise
    expect(performance.now() - startedAt).toBeLessThan(1_500)
  })

  test('a callee that works for longer than a second says so', async () => {
    await using world = await scene()
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
    await using world = await scene()
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

function authentication(scene: Open): void {
  type Forged = { header: Call; body?: Uint8Array; signature?: Uint8Array }
  const body = utf8('body')
  const other = new Uint8Array(32).fill(5)
  const forgeries: [what: string, code: string, forge: (raw: RawPeer, header: Call) => Promise<Forged>][] = [
    ['a missing signature (zeros)', 'WIRE_UNAUTHENTICATED', async (_, header) => ({ header, signature: new Uint8Array(64) })],
    [
      'a wrong signature',
      'WIRE_UNAUTHENTICATED',
      async (raw, header) => ({ header, signature: (await raw.sign(header)).map((byte, i) => (i === 7 ? byte ^ 1 : byte)) }),
    ],
    ['another key', 'WIRE_UNAUTHENTICATED', async (raw, header) => ({ header, signature: await raw.sign(header, carol) })],
    [
      'a caller who is not bound here',
      'WIRE_UNAUTHENTICATED',
      async (raw, header) => {
        const forged = { ...header, caller: bob.publicKey }
        return { header: forged, signature: await raw.sign(forged, bob) }
      },
    ],
    ['the all-zero key', 'WIRE_UNAUTHENTICATED', async (_, header) => ({ header: { ...header, caller: new Uint8Array(32) } })],
    ['another body', 'WIRE_MALFORMED', async (raw, header) => ({ header, body: utf8('bodY'), signature: await raw.sign(header) })],
    [
      'another method',
      'WIRE_UNAUTHENTICATED',
      async (raw, header) => ({ header: { ...header, method: utf8('node.more') }, signature: await raw.sign(header) }),
    ],
    ['another receiver', 'WIRE_WRONG_TARGET', async (_, header) => ({ header: { ...header, receiver: carol.publicKey } })],
    [
      'a receiver changed after signing',
      'WIRE_UNAUTHENTICATED',
      async (raw, header) => ({ header, signature: await raw.sign({ ...header, receiver: carol.publicKey }) }),
    ],
    ['another chain', 'WIRE_WRONG_TARGET', async (_, header) => ({ header: { ...header, genesis: other } })],
    ['another channel', 'WIRE_WRONG_TARGET', async (_, header) => ({ header: { ...header, channel: other } })],
    ['a deadline that passed', 'WIRE_DEADLINE', async (_, header) => ({ header: { ...header, deadline: header.sentAt - 1 } })],
    ['a deadline too far', 'WIRE_DEADLINE', async (_, header) => ({ header: { ...header, deadline: header.sentAt + 120_001 } })],
    ['a time in the past', 'WIRE_CLOCK', async (_, header) => ({ header: { ...header, sentAt: header.sentAt - 11_000 } })],
    ['a time in the future', 'WIRE_CLOCK', async (_, header) => ({ header: { ...header, sentAt: header.sentAt + 11_000 } })],
    ['an undefined flag', 'WIRE_MALFORMED', async (_, header) => ({ header: { ...header, flags: 4 } })],
    ['a market where the caller is nobody', 'WIRE_FORBIDDEN', async (_, header) => ({ header: { ...header, netuid: 2 } })],
    ['nonce 0', 'WIRE_REPLAY', async (_, header) => ({ header: { ...header, nonce: 0 } })],
  ]

  test.each(forgeries)('a call with %s is refused as %s and changes nothing', async (_what, code, forge) => {
    await using world = await scene()
    const b = await world.neuron(bob)
    let runs = 0
    const count: Handler = async ({ body: given }) => {
      runs++
      return given
    }
    b.serve('node.echo', rule(), count)
    b.serve('node.more', rule(), count)
    const raw = await world.raw(alice, b)
    const honest = raw.header(bob.publicKey, 'node.echo', body)
    const forged = await forge(raw, honest)
    const refused = await raw.request(forged.header, forged.body ?? body, forged.signature)
    expect(refused.error).toBe(code)
    expect(refused.frames.map(({ kind }) => kind)).toEqual(['error'])
    expect(runs).toBe(0)
    // The forgery took no nonce: the honest call with the same one still passes.
    const taken = await raw.request(honest, body)
    expect(taken.frames.map(({ kind }) => kind)).toEqual(['end'])
    expect(runs).toBe(1)
  })

  test('a call is served once: the same bytes again are a replay, on another connection a wrong target', async () => {
    await using world = await scene()
    const b = await world.neuron(bob)
    let runs = 0
    b.serve('node.echo', rule(), async ({ body: given }) => {
      runs++
      return given
    })
    const raw = await world.raw(alice, b)
    const header = raw.header(bob.publicKey, 'node.echo', body)
    const frame = encodeFrame('request', { header, signature: await raw.sign(header), body })
    expect((await raw.send(frame)).frames[0]?.kind).toBe('end')
    expect((await raw.send(frame)).error).toBe('WIRE_REPLAY')
    const again = await RawPeer.connect(await world.carrier('elsewhere'), b.addresses(), alice, world.parts(alice))
    expect(toHex(again.channel)).not.toBe(toHex(raw.channel))
    expect((await again.send(frame)).error).toBe('WIRE_WRONG_TARGET')
    expect(runs).toBe(1)
  })

  test('nonces may come out of order within the window, each once', async () => {
    await using world = await scene()
    world.members.set(alice, validatorAccess(1))
    const b = await world.neuron(bob)
    b.serve('expert.echo', rule(), echo)
    const raw = await world.raw(alice, b)
    const outcome = async (nonce: number): Promise<string> => {
      const { frames, error } = await raw.request(raw.header(bob.publicKey, 'expert.echo', body, { nonce }), body)
      return error ?? frames[0]?.kind ?? 'nothing'
    }
    expect(await outcome(2_000)).toBe('end')
    expect(await outcome(977)).toBe('end')
    expect(await outcome(977)).toBe('WIRE_REPLAY')
    expect(await outcome(976)).toBe('WIRE_REPLAY')
  })

  test('a caller who is not registered is refused; once registered it is heard', async () => {
    await using world = await scene()
    const [c, b] = [await world.neuron(carol), await world.neuron(bob)]
    b.serve('node.echo', rule(), echo)
    await expect(c.call(at(bob, b), 'node.echo', body, soon)).rejects.toEqual(failing('WIRE_FORBIDDEN'))
    world.members.set(carol, minerAccess)
    expect((await c.call(at(bob, b), 'node.echo', body, soon)).body).toEqual(body)
    world.members.remove(carol)
    await expect(c.call(at(bob, b), 'node.echo', body, soon)).rejects.toEqual(failing('WIRE_FORBIDDEN'))
  })

  test('classes hold: permit and admitted for who has them, and all for who is allow-listed', async () => {
    await using world = await scene()
    world.members.set(carol, minerAccess)
    const [a, c] = [await world.neuron(alice), await world.neuron(carol)]
    const b = await world.neuron(bob, { allowList: [] })
    const open = await world.neuron(testKey('dave'), { allowList: [carol.hex] })
    for (const network of [b, open])
      for (const needs of ['permit', 'admitted'] as const) network.serve(`node.${needs}`, rule({ class: needs }), echo)
    for (const needs of ['permit', 'admitted']) {
      expect((await a.call(at(bob, b), `node.${needs}`, body, soon)).body).toEqual(body)
      await expect(c.call(at(bob, b), `node.${needs}`, body, soon)).rejects.toEqual(failing('WIRE_FORBIDDEN'))
      expect((await c.call(at(testKey('dave'), open), `node.${needs}`, body, soon)).body).toEqual(body)
    }
    await expect(a.call(at(bob, b), 'node.nothing', body, soon)).rejects.toEqual(failing('WIRE_NOT_FOUND'))
  })

  const day = 86_400_000
  test.each([
    ['of another chain', { genesis: other }],
    ['for another peer', { peerId: new Uint8Array(38).fill(1) }],
    ['that has expired', { notBefore: Date.now() - 2 * day, expires: Date.now() - day }],
    ['not valid yet', { notBefore: Date.now() + day, expires: Date.now() + 2 * day }],
    ['that lives longer than 7 days', { expires: Date.now() + 8 * day }],
    ['of the all-zero key', { hotkey: new Uint8Array(32) }],
    ['with undefined role bits', { roles: 16 }],
  ])('a binding %s counts for nothing', async (_what, change) => {
    await using world = await scene()
    const b = await world.neuron(bob)
    const carrier = await world.carrier('raw')
    const probe = await carrier.dial(b.addresses(), AbortSignal.timeout(5_000))
    const auth = await signedAuth(alice, probe.localPeer, Date.now(), change)
    const code = 'roles' in change ? 'WIRE_MALFORMED' : 'WIRE_UNAUTHENTICATED'
    await expect(RawPeer.connect(carrier, b.addresses(), alice, world.parts(alice), auth)).rejects.toEqual(failing(code))
  })

  test('a binding signed by another key counts for nothing', async () => {
    await using world = await scene()
    const b = await world.neuron(bob)
    const carrier = await world.carrier('raw')
    const probe = await carrier.dial(b.addresses(), AbortSignal.timeout(5_000))
    const auth = await signedAuth(carol, probe.localPeer, Date.now())
    const [first] = auth.bindings
    const stolen = { bindings: [{ binding: { ...first!.binding, hotkey: alice.publicKey }, signature: first!.signature }] }
    await expect(RawPeer.connect(carrier, b.addresses(), alice, world.parts(alice), stolen)).rejects.toEqual(
      failing('WIRE_UNAUTHENTICATED'),
    )
  })
}

function hostile(scene: Open): void {
  test('malformed and oversized frames are refused, earn points, and 50 points end the connection', async () => {
    await using world = await scene()
    const b = await world.neuron(bob)
    b.serve('node.echo', rule(), echo)
    const raw = await world.raw(alice, b)
    const huge = Uint8Array.of(0xff, 0xff, 0xff, 0x7f, 0x10)
    expect((await raw.send(huge)).error).toBe('WIRE_TOO_LARGE')
    expect((await raw.send(Uint8Array.of(2, 0x33, 0))).error).toBe('WIRE_MALFORMED')
    expect(raw.connection.gone.aborted).toBe(false)
    await raw.send(encodeFrame('ack', { state: 0, position: 0, etaMs: 0 }))
    await new Promise<void>((resolve) => {
      if (raw.connection.gone.aborted) resolve()
      raw.connection.gone.addEventListener('abort', () => resolve())
    })
    // Refused from now on, before any handshake; others are served.
    const carrier = await world.carrier('honest')
    const honest = await RawPeer.connect(carrier, b.addresses(), alice, world.parts(alice))
    expect((await honest.request(honest.header(bob.publicKey, 'node.echo', utf8('x')), utf8('x'))).frames[0]?.kind).toBe('end')
  })

  test("a body above the method's cap is refused before it is read, at the cap it is served", async () => {
    await using world = await scene()
    const [a, b] = [await world.neuron(alice), await world.neuron(bob)]
    b.serve('node.small', rule({ requestBytesMax: 1_000 }), echo)
    b.serve('node.large', rule({ requestBytesMax: 2 * 1024 * 1024 }), async ({ body }) => sha256(body))
    expect((await a.call(at(bob, b), 'node.small', new Uint8Array(1_000), soon)).body).toHaveLength(1_000)
    await expect(a.call(at(bob, b), 'node.small', new Uint8Array(1_001), soon)).rejects.toEqual(failing('WIRE_TOO_LARGE'))
    const large = new Uint8Array(2 * 1024 * 1024).fill(7)
    expect(toHex((await a.call(at(bob, b), 'node.large', large, soon)).body)).toBe(toHex(sha256(large)))
    // Larger than any method takes: refused by its length, while most of it is still on the way.
    await expect(a.call(at(bob, b), 'node.large', new Uint8Array(4 * 1024 * 1024), soon)).rejects.toEqual(failing('WIRE_TOO_LARGE'))
  })

  test('calls before a handshake, and hellos out of turn, get nothing', async () => {
    await using world = await scene()
    const b = await world.neuron(bob)
    b.serve('chain.head', rule({ class: 'open' }), echo)
    const carrier = await world.carrier('raw')
    const connection = await carrier.dial(b.addresses(), AbortSignal.timeout(5_000))
    const open = {
      channel: new Uint8Array(32),
      deadline: Date.now() + 5_000,
      trace: new Uint8Array(16),
      method: utf8('chain.head'),
      body: utf8('x'),
    }
    const answer = await sendRaw(connection, encodeFrame('open', open), world.parts(alice))
    expect(answer).toEqual({ frames: [], error: undefined, end: 'gone' })
    const raw = await world.raw(carol, b)
    expect((await raw.send(encodeFrame('open', open))).error).toBe('WIRE_WRONG_TARGET')
    const request = hashOf('open', { ...open, channel: raw.channel })
    const served = await raw.send(encodeFrame('open', { ...open, channel: raw.channel }))
    expect(served.frames[0]).toMatchObject({ kind: 'end', value: { head: { request } } })
  })

  test('an answer that is too large for its method is an error, not an answer', async () => {
    await using world = await scene()
    const [a, b] = [await world.neuron(alice), await world.neuron(bob)]
    b.serve('node.much', rule({ answerBytesMax: 100_000 }), async ({ chunk }) => {
      for (let i = 0; i < 3; i++) await chunk(new Uint8Array(50_000))
      return utf8('')
    })
    await expect(a.call(at(bob, b), 'node.much', utf8(''), soon)).rejects.toEqual(failing('WIRE_INTERNAL'))
  })
}

function limits(scene: Open): void {
  test('under overload ten times the stake gets at least five times the service, and the small one is served', async () => {
    await using world = await scene()
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
    await using world = await scene()
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
    await using world = await scene()
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
    await using world = await scene()
    const [a, b] = [await world.neuron(alice), await world.neuron(bob)]
    b.serve('node.echo', rule(), echo)
    await a.call(at(bob, b), 'node.echo', utf8('x'), soon)
    await a.close()
    await expect(a.call(at(bob, b), 'node.echo', utf8('x'), soon)).rejects.toEqual(failing('WIRE_SHUTTING_DOWN'))
    await a.close()
  })
}
