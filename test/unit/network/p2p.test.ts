/** What only a real socket shows: garbage on it, many connections that say nothing, memory under bombs, and leaving no trace. */
import { execFile } from 'node:child_process'
import { connect } from 'node:net'
import type { Socket } from 'node:net'
import { promisify } from 'node:util'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { p2pCarrier } from '../../../src/network/p2p/carrier.ts'
import { p2pNetwork } from '../../../src/network/p2p/network.ts'
import { utf8 } from '../../../src/protocol/bytes.ts'
import type { Network } from '../../../src/protocol/ports/network.ts'
import { CALL_PROTOCOL } from '../../../src/protocol/wire-limits.ts'
import { realClock } from '../../support/clocks.ts'
import { collectGarbage } from '../../support/garbage.ts'
import { testKey } from '../../support/network-keys.ts'
import type { TestKey } from '../../support/network-keys.ts'
import { neuronParts, TestMembers, testGenesis, validatorAccess } from '../../support/network-parts.ts'
import { dialsOnly, RawPeer, untilGone } from '../../support/raw-peer.ts'

const [alice, bob] = [testKey('alice'), testKey('bob')]
const members = new TestMembers().set(alice, validatorAccess(0.5)).set(bob, validatorAccess(0.5))
const ask = { netuid: 1, deadlineMs: 10_000 }
let a: Network
let b: Network

const start = async (key: TestKey, change: object = {}): Promise<Network> => {
  const parts = { ...neuronParts(key, members, realClock) }
  const options = { genesis: testGenesis, chainId: 'test', roles: [], allowPrivate: true, ...change }
  return await p2pNetwork(options, { ...parts, peerKey: parts.random.bytes(32) })
}
const peer = () => ({ hotkey: bob.publicKey, addresses: b.addresses() })
const portOf = (network: Network): number => Number(/\/tcp\/(\d+)/.exec(network.addresses()[0] ?? '')?.[1])

/** Resolves when a socket is closed, by whichever side. */
const ended = (socket: Socket): Promise<void> =>
  new Promise((resolve) => {
    socket.on('data', () => undefined)
    socket.on('error', () => undefined)
    socket.on('close', () => resolve())
  })

beforeEach(async () => {
  ;[a, b] = await Promise.all([start(alice), start(bob)])
  b.serve('expert.echo', { class: 'registered', requestBytesMax: 1_000_000, answerBytesMax: 1_000_000 }, async ({ body }) => body)
})
afterEach(async () => {
  await Promise.all([a.close(), b.close()])
})

test('its address names its peer id and dials; without allowPrivate loopback is refused', async () => {
  expect(b.addresses()).toEqual([expect.stringMatching(/^\/ip4\/127\.0\.0\.1\/tcp\/\d+\/p2p\/12D3KooW/)])
  expect((await a.call(peer(), 'expert.echo', utf8('x'), ask)).body).toEqual(utf8('x'))
  const strict = await start(testKey('carol'), { allowPrivate: false })
  await expect(strict.call(peer(), 'expert.echo', utf8('x'), ask)).rejects.toMatchObject({ code: 'WIRE_ADDRESS_REFUSED' })
  await strict.close()
})

test('an address that proves another peer id than it names is not believed', async () => {
  const [own] = a.addresses()
  const lie = { hotkey: bob.publicKey, addresses: [`${b.addresses()[0]!.split('/p2p/')[0]}/p2p/${own!.split('/p2p/')[1]}`] }
  const carol = await start(testKey('carol'))
  await expect(carol.call(lie, 'expert.echo', utf8('x'), ask)).rejects.toMatchObject({ code: 'WIRE_UNREACHABLE' })
  await carol.close()
})

test('a port that is taken is told at start', async () => {
  await expect(start(testKey('carol'), { listen: [`/ip4/127.0.0.1/tcp/${portOf(b)}`] })).rejects.toMatchObject({ code: 'WIRE_CONFIG' })
})

test('garbage on sockets is closed, and a caller is served beside it', async () => {
  const sockets = Array.from({ length: 50 }, () => connect(portOf(b), '127.0.0.1'))
  const closed = Promise.all(sockets.map(ended))
  for (const [i, socket] of sockets.entries()) socket.write(Buffer.alloc(2_000, i))
  expect((await a.call(peer(), 'expert.echo', utf8('x'), ask)).body).toEqual(utf8('x'))
  await closed
})

test('a host whose sockets say nothing holds a few of the pending places, and others get in', async () => {
  const strict = await start(testKey('carol'), { allowPrivate: false, pendingInMax: 4, perHostPerSecond: 1_000 })
  strict.serve('chain.head', { class: 'open', requestBytesMax: 10, answerBytesMax: 10 }, async ({ body }) => body)
  const sockets = Array.from({ length: 100 }, () => connect({ port: portOf(strict), host: '127.0.0.1', localAddress: '127.0.0.2' }))
  let open = sockets.length
  const closed = Promise.all(sockets.map((socket) => ended(socket).then(() => open--)))
  const dropped = Promise.withResolvers<void>()
  for (const socket of sockets) socket.on('close', () => (open <= 2 ? dropped.resolve() : undefined))
  await dropped.promise
  const target = { hotkey: testKey('carol').publicKey, addresses: strict.addresses() }
  const answer = await a.call(target, 'chain.head', utf8('x'), { ...ask, anonymous: true })
  expect(answer.body).toEqual(utf8('x'))
  expect(open).toBeLessThanOrEqual(2)
  for (const socket of sockets) socket.destroy()
  await closed
  await strict.close()
})

test('two hundred frames that claim 2^28 - 1 bytes cost no memory, and their senders are refused', async () => {
  const memory = (): number => {
    collectGarbage()
    return process.memoryUsage().rss
  }
  let before = 0
  // The first hosts that come and go fill what later ones use again.
  for (let round = -5; round < 25; round++) {
    if (round === 0) before = memory()
    // A peer is refused after its third; a new peer id costs it nothing.
    const carrier = await p2pCarrier({ allowPrivate: true }, new Uint8Array(32).fill(100 + round), dialsOnly)
    const raw = await RawPeer.connect(carrier, b.addresses(), alice, neuronParts(alice, members, realClock))
    await Promise.all(Array.from({ length: 8 }, () => raw.send(Uint8Array.of(0xff, 0xff, 0xff, 0x7f, 0x10))))
    await untilGone(raw.connection.gone)
    await carrier.close()
  }
  expect(memory() - before).toBeLessThan(48 * 1024 * 1024)
  expect((await a.call(peer(), 'expert.echo', utf8('x'), ask)).body).toEqual(utf8('x'))
})

test('bodies of nearly the cap pass whole in both directions, several at once', async () => {
  const bodies = Array.from({ length: 4 }, (_, i) => new Uint8Array(1_000_000).fill(i + 1))
  const answers = await Promise.all(bodies.map((body) => a.call(peer(), 'expert.echo', body, ask)))
  expect(answers.map(({ body }) => Buffer.compare(body, bodies[(body[0] as number) - 1] as Uint8Array))).toEqual([0, 0, 0, 0])
})

test('a peer cut off in the middle of its request leaves nothing behind', async () => {
  const carrier = await p2pCarrier({ allowPrivate: true }, new Uint8Array(32).fill(8), dialsOnly)
  const raw = await RawPeer.connect(carrier, b.addresses(), alice, neuronParts(alice, members, realClock))
  for (let i = 0; i < 6; i++) {
    const stream = await raw.connection.open(CALL_PROTOCOL, AbortSignal.timeout(2_000))
    await stream.write(Uint8Array.of(0x80, 0x80, 0x01, 0x10, 1, 2, 3))
    stream.reset(new Error('cut'))
  }
  const answer = await raw.request(raw.header(bob.publicKey, 'expert.echo', utf8('x')), utf8('x'))
  expect(answer.frames.map(({ kind }) => kind)).toEqual(['end'])
  await carrier.close()
})

test('a process that closed its networks ends by itself', async () => {
  const file = new URL('../../support/network-exit.ts', import.meta.url).pathname
  const { stdout } = await promisify(execFile)(process.execPath, [file], { timeout: 30_000 })
  expect(stdout.split('\n').slice(0, 2)).toEqual(['answered 1', expect.stringMatching(/^closed WIRE_(SHUTTING_DOWN|UNREACHABLE)$/)])
})
