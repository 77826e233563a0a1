/** What takes time, on a clock that costs none: latency, partitions, idle connections, renewal, penalties, silence and stalls. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { ByteStream } from '../../../src/network/carrier.ts'
import { FrameStream } from '../../../src/network/frame-stream.ts'
import { memoryHub } from '../../../src/network/memory/hub.ts'
import type { HubOptions, MemoryHub } from '../../../src/network/memory/hub.ts'
import type { NeuronLimits } from '../../../src/network/options.ts'
import { utf8 } from '../../../src/protocol/bytes.ts'
import { encodeFrame } from '../../../src/protocol/frame-codec.ts'
import { encode, hashOf, signingBytes } from '../../../src/protocol/frames.ts'
import type { Head } from '../../../src/protocol/frames.ts'
import { sha256 } from '../../../src/protocol/hash.ts'
import type { Handler, MethodRule, Network, PeerTarget } from '../../../src/protocol/ports/network.ts'
import { CALL_PROTOCOL, HELLO_PROTOCOL } from '../../../src/protocol/wire-limits.ts'
import { VirtualClock } from '../../support/clocks.ts'
import { testKey } from '../../support/network-keys.ts'
import type { TestKey } from '../../support/network-keys.ts'
import { minerAccess, neuronParts, TestMembers, testGenesis, validatorAccess } from '../../support/network-parts.ts'
import { dialsOnly, RawPeer, signedAuth } from '../../support/raw-peer.ts'

const [alice, bob] = [testKey('alice'), testKey('bob')]
const rule: MethodRule = { class: 'registered', requestBytesMax: 1_000, answerBytesMax: 8 * 1024 * 1024 }
const echo: Handler = async ({ body }) => body
const minute = 60_000

let clock: VirtualClock
let hub: MemoryHub
let networks: Network[]
let members: TestMembers

const openHub = (options: Partial<HubOptions> = {}): void => {
  hub = memoryHub({ seed: 7, ...options }, { clock })
}
const neuron = async (key: TestKey, limits: Partial<NeuronLimits> = {}): Promise<Network> => {
  const options = { genesis: testGenesis, chainId: 'test', roles: ['miner' as const], name: key.name, limits }
  const network = await hub.network(options, neuronParts(key, members, clock))
  networks.push(network)
  return network
}
const at = (key: TestKey): PeerTarget => ({ hotkey: key.publicKey, addresses: [`/memory/${key.name}`] })
const ask = (deadlineMs = 100_000): { netuid: number; deadlineMs: number } => ({ netuid: 1, deadlineMs })
const raw = async (key: TestKey): Promise<RawPeer> =>
  await clock.run(RawPeer.connect(hub.carrier(`raw-${key.name}`, dialsOnly), ['/memory/bob'], key, neuronParts(key, members, clock)))

beforeEach(() => {
  clock = new VirtualClock()
  members = new TestMembers().set(alice, validatorAccess(0.5)).set(bob, minerAccess)
  networks = []
  openHub()
})
afterEach(async () => {
  await clock.run(Promise.all(networks.map((network) => network.close())))
  hub.close()
  await clock.advance(1)
  if (clock.sleeping > 0) throw new Error(`${clock.sleeping} timers outlive their networks`)
})

describe('the weather', () => {
  test('a call over 30 ms each way takes one round trip, the first one connects before', async () => {
    openHub({ latencyMs: { min: 30, max: 30 } })
    const [a, b] = [await neuron(alice), await neuron(bob)]
    b.serve('node.echo', rule, echo)
    const took = async (): Promise<number> => {
      const startedAt = clock.monotonic()
      await clock.run(a.call(at(bob), 'node.echo', utf8('x'), ask()))
      return clock.monotonic() - startedAt
    }
    const [first, second] = [await took(), await took()]
    expect(second).toBeGreaterThanOrEqual(60)
    expect(second).toBeLessThan(65)
    expect(first).toBeGreaterThan(150)
  })

  test('the same seed gives the same weather; loss is delay', async () => {
    const times = async (seed: number, loss: number): Promise<number[]> => {
      openHub({ seed, loss, latencyMs: { min: 5, max: 50 } })
      const [a, b] = [await neuron(alice), await neuron(bob)]
      b.serve('node.echo', rule, echo)
      const all: number[] = []
      for (let i = 0; i < 8; i++) all.push((await clock.run(a.call(at(bob), 'node.echo', utf8('x'), ask()))).roundTripMs)
      await clock.run(Promise.all([a.close(), b.close()]))
      return all.map(Math.round)
    }
    const calm = await times(1, 0)
    expect(await times(1, 0)).toEqual(calm)
    expect(await times(2, 0)).not.toEqual(calm)
    expect(Math.max(...(await times(1, 0.2)))).toBeGreaterThan(200)
  })

  test('what is sent across a partition arrives when it ends', async () => {
    const [a, b] = [await neuron(alice), await neuron(bob)]
    b.serve('node.echo', rule, echo)
    await clock.run(a.call(at(bob), 'node.echo', utf8('x'), ask()))
    hub.partition(['alice'], ['bob'])
    const call = a.call(at(bob), 'node.echo', utf8('late'), ask())
    await clock.advance(3_000)
    hub.heal()
    expect((await clock.run(call)).roundTripMs).toBeGreaterThanOrEqual(3_000)
    hub.partition(['alice'], ['bob'])
    await expect(clock.run(a.call(at(bob), 'node.echo', utf8('lost'), ask(2_000)))).rejects.toMatchObject({ code: 'WIRE_DEADLINE' })
    hub.heal()
  })

  test('a severed peer fails its calls at once and is dialled anew', async () => {
    const [a, b] = [await neuron(alice), await neuron(bob)]
    b.serve('node.wait', rule, ({ signal }) => new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason))))
    b.serve('node.echo', rule, echo)
    const call = a.call(at(bob), 'node.wait', utf8(''), ask())
    call.catch(() => undefined)
    await clock.advance(50)
    hub.sever('bob')
    await expect(clock.run(call)).rejects.toMatchObject({ code: 'WIRE_UNREACHABLE' })
    expect((await clock.run(a.call(at(bob), 'node.echo', utf8('x'), ask()))).body).toEqual(utf8('x'))
  })
})

describe('connections', () => {
  test('one without calls for a minute is closed, and the next call dials', async () => {
    const [, b] = [await neuron(alice), await neuron(bob)]
    b.serve('node.echo', rule, echo)
    const peer = await raw(alice)
    await clock.advance(45_000)
    expect(peer.connection.gone.aborted).toBe(false)
    await clock.advance(minute)
    expect(peer.connection.gone.aborted).toBe(true)
  })

  test('bindings are renewed at half their life, and the channel stays', async () => {
    const limits = { bindingMs: 4 * minute, idleMs: 1_000 * minute }
    const [a, b] = [await neuron(alice, limits), await neuron(bob, limits)]
    b.serve('expert.channel', rule, echo)
    const first = await clock.run(a.call(at(bob), 'expert.channel', utf8('1'), ask()))
    // Five lives later, each call is still under a live binding, on the same channel.
    for (let i = 0; i < 10; i++) {
      await clock.advance(2 * minute)
      const answer = await clock.run(a.call({ hotkey: bob.publicKey, addresses: [] }, 'expert.channel', utf8('2'), ask()))
      expect(answer.call.subarray(96, 128)).toEqual(first.call.subarray(96, 128))
    }
  })

  test('a binding that is not renewed ends, and with it the right to call', async () => {
    const b = await neuron(bob, { idleMs: 1_000 * minute })
    b.serve('node.echo', rule, echo)
    const carrier = hub.carrier('raw', dialsOnly)
    const probe = await clock.run(carrier.dial(['/memory/bob'], new AbortController().signal))
    const auth = await signedAuth(alice, probe.localPeer, clock.now(), { expires: clock.now() + minute })
    const peer = await clock.run(RawPeer.connect(carrier, ['/memory/bob'], alice, neuronParts(alice, members, clock), auth))
    const call = async (): Promise<string | undefined> =>
      (await clock.run(peer.request(peer.header(bob.publicKey, 'node.echo', utf8('x')), utf8('x')))).error
    expect(await call()).toBeUndefined()
    await clock.advance(minute)
    expect(await call()).toBe('WIRE_UNAUTHENTICATED')
  })

  test('a key has at most 8 live peers, and one that leaves makes room', async () => {
    await neuron(bob)
    const connect = (name: string): Promise<RawPeer> =>
      clock.run(RawPeer.connect(hub.carrier(name, dialsOnly), ['/memory/bob'], alice, neuronParts(alice, members, clock)))
    const peers: RawPeer[] = []
    for (let i = 0; i < 8; i++) peers.push(await connect(`peer-${i}`))
    await expect(connect('ninth')).rejects.toMatchObject({ code: 'WIRE_UNAUTHENTICATED' })
    await peers[3]?.connection.close()
    await clock.advance(1)
    expect((await connect('tenth')).connection.gone.aborted).toBe(false)
  })

  test('one that does not shake hands within 5 s is closed, however slowly it drips', async () => {
    await neuron(bob)
    const carrier = hub.carrier('drip', dialsOnly)
    const silent = await clock.run(carrier.dial(['/memory/bob'], new AbortController().signal))
    const dripping = await clock.run(carrier.dial(['/memory/bob'], new AbortController().signal))
    const stream = await dripping.open(HELLO_PROTOCOL, new AbortController().signal)
    for (let second = 0; second < 4; second++) {
      await stream.write(Uint8Array.of(0x80 + 0x70))
      await clock.advance(1_000)
      if (second < 2) expect(dripping.gone.aborted).toBe(false)
    }
    await clock.advance(1_100)
    expect([silent.gone.aborted, dripping.gone.aborted]).toEqual([true, true])
  })

  test('fifty points refuse a peer for 15 minutes, points halve in 10', async () => {
    const b = await neuron(bob)
    b.serve('node.echo', rule, echo)
    const carrier = hub.carrier('hostile', dialsOnly)
    const connect = (): Promise<RawPeer> => clock.run(RawPeer.connect(carrier, ['/memory/bob'], alice, neuronParts(alice, members, clock)))
    const bad = Uint8Array.of(2, 0x33, 0)
    let peer = await connect()
    for (let i = 0; i < 2; i++) await clock.run(peer.send(bad))
    await clock.advance(20 * minute)
    // 40 points are 10 by now: two more offences are forgiven, a third after them is not.
    peer = await connect()
    await clock.run(peer.send(bad))
    expect(peer.connection.gone.aborted).toBe(false)
    for (let i = 0; i < 2; i++) await clock.run(peer.send(bad))
    expect(peer.connection.gone.aborted).toBe(true)
    await expect(connect()).rejects.toMatchObject({ code: 'WIRE_UNREACHABLE' })
    await clock.advance(15 * minute)
    expect((await connect()).connection.gone.aborted).toBe(false)
  })
})

describe('silence', () => {
  /** A callee that shakes hands and then does what a test says with each call stream. */
  const strangeCallee = async (onCall: (stream: ByteStream) => void): Promise<void> => {
    const mute = await neuron(bob)
    await mute.close()
    const { NeuronNetwork } = await import('../../../src/network/neuron-network.ts')
    const options = { genesis: testGenesis, chainId: 'test', roles: [] }
    const strange = await NeuronNetwork.on(options, neuronParts(bob, members, clock), async (events) =>
      hub.carrier('bob', {
        ...events,
        onStream: (connection, protocol, stream) => {
          if (protocol === CALL_PROTOCOL) onCall(stream)
          else events.onStream(connection, protocol, stream)
        },
      }),
    )
    networks.push(strange)
  }

  test('a callee that says nothing for 10 s is given up, long before the deadline', async () => {
    await strangeCallee(() => undefined)
    const a = await neuron(alice)
    const startedAt = clock.monotonic()
    await expect(clock.run(a.call(at(bob), 'node.echo', utf8('x'), ask(60_000)), 10)).rejects.toMatchObject({ code: 'WIRE_UNREACHABLE' })
    expect(clock.monotonic() - startedAt).toBeLessThan(11_000)
    // Its connection is taken for dead: nothing of it stands to call over.
    const again = a.call({ ...at(bob), addresses: [] }, 'node.echo', utf8('x'), ask())
    await expect(clock.run(again)).rejects.toMatchObject({ code: 'WIRE_ADDRESS_REFUSED' })
  })

  test('one that says it is working is waited for until the deadline', async () => {
    const a = await neuron(alice)
    const b = await neuron(bob)
    b.serve('node.slow', rule, async ({ body }) => {
      await clock.sleep(40_000)
      return body
    })
    const answer = await clock.run(a.call(at(bob), 'node.slow', utf8('x'), ask(60_000)), 50)
    expect(answer.runMs).toBeGreaterThanOrEqual(40_000)
  })

  test.each([
    ['an answer without End', encodeFrame('chunk', { index: 0, data: utf8('x') }), 'WIRE_UNREACHABLE'],
    ['a chunk out of order', encodeFrame('chunk', { index: 1, data: utf8('x') }), 'WIRE_ANSWER_INVALID'],
    [
      'a frame that has no place in an answer',
      encodeFrame('open', { channel: new Uint8Array(32), deadline: 1, trace: new Uint8Array(16), method: utf8('x'), body: utf8('') }),
      'WIRE_MALFORMED',
    ],
    ['an error', encodeFrame('error', { code: 13, retryAfterMs: 5, clock: 1, detail: utf8('full') }), 'WIRE_BUSY'],
    [
      'an error of an unknown number',
      encodeFrame('error', { code: 999, retryAfterMs: 0, clock: 1, detail: utf8('\u0007?') }),
      'WIRE_INTERNAL',
    ],
  ])('%s is no answer', async (_what, bytes, code) => {
    await strangeCallee((stream) => void stream.write(bytes))
    const a = await neuron(alice)
    await expect(clock.run(a.call(at(bob), 'node.echo', utf8('x'), ask()), 10)).rejects.toMatchObject({ code })
  })

  const request = new Uint8Array(32).fill(3)
  test.each([
    ['answers another request', { request }, 'it answers another request'],
    ['has another content', { root: request }, 'its content is not as signed'],
    ['has another length', { bytes: 7 }, 'its length is not as signed'],
    ['counts chunks that never came', { chunks: 1 }, 'its length is not as signed'],
  ])('an End that is properly signed but %s proves nothing', async (_what, change: Partial<Head>, detail) => {
    await strangeCallee((stream) => void answer(stream))
    const answer = async (stream: ByteStream): Promise<void> => {
      const frame = await new FrameStream(stream, () => 10_000, clock).next()
      if (frame?.kind !== 'request') throw new Error('no request')
      const body = frame.value.body
      const right = { request: hashOf('call', frame.value.header), status: 0, chunks: 0, bytes: body.length, root: sha256(body) }
      const head = { ...right, servedAt: clock.now(), queueMs: 0, runMs: 0, ...change }
      const signature = await bob.signer.sign(signingBytes('head', encode('head', head)))
      await stream.write(encodeFrame('end', { head, signature, body }))
    }
    const a = await neuron(alice)
    const call = a.call(at(bob), 'node.echo', utf8('x'), ask())
    await expect(clock.run(call, 10)).rejects.toMatchObject({ code: 'WIRE_ANSWER_INVALID', data: { detail } })
  })

  test('a caller that takes nothing for 15 s is reset, and its handler aborted', async () => {
    const b = await neuron(bob)
    let aborted = false
    b.serve('node.flood', rule, async ({ chunk, signal }) => {
      signal.addEventListener('abort', () => {
        aborted = true
      })
      for (let i = 0; i < 100; i++) await chunk(new Uint8Array(64 * 1024))
      return utf8('')
    })
    const peer = await raw(alice)
    const stream = await peer.connection.open(CALL_PROTOCOL, new AbortController().signal)
    const header = peer.header(bob.publicKey, 'node.flood', utf8(''), { deadline: clock.now() + 100_000 })
    await stream.write(encodeFrame('request', { header, signature: await peer.sign(header), body: utf8('') }))
    await clock.advance(14_000)
    expect(aborted).toBe(false)
    await clock.advance(4_000)
    expect([aborted, stream.gone.aborted]).toEqual([true, true])
  })

  test('a request that does not come within 10 s is not waited for, and 8 calls may be open at once', async () => {
    const b = await neuron(bob)
    b.serve('node.echo', rule, echo)
    const peer = await raw(alice)
    const open = async () => {
      const stream = await peer.connection.open(CALL_PROTOCOL, new AbortController().signal)
      await stream.write(Uint8Array.of(0xff))
      return stream
    }
    const streams = await Promise.all(Array.from({ length: 8 }, open))
    const ninth = await open()
    await clock.advance(100)
    expect(streams.map((stream) => stream.gone.aborted)).toEqual(Array(8).fill(false))
    expect(ninth.gone.aborted).toBe(true)
    await clock.advance(10_000)
    expect(streams.map((stream) => stream.gone.aborted)).toEqual(Array(8).fill(true))
  })
})
