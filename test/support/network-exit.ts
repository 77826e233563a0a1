/** A process that calls over libp2p, closes, and has nothing left to do. Prints what the test must see; it exits by itself or hangs. */
import { randomBytes } from 'node:crypto'
import { p2pNetwork } from '../../src/network/p2p/network.ts'
import { utf8 } from '../../src/protocol/bytes.ts'
import { realClock } from './clocks.ts'
import { testKey } from './network-keys.ts'
import { neuronParts, TestMembers, testGenesis, validatorAccess } from './network-parts.ts'

const [alice, bob] = [testKey('alice'), testKey('bob')]
const members = new TestMembers().set(alice, validatorAccess(0.5)).set(bob, validatorAccess(0.5))
const start = (key: typeof alice) =>
  p2pNetwork(
    { genesis: testGenesis, chainId: 'test', roles: [], allowPrivate: true },
    { ...neuronParts(key, members, realClock), peerKey: new Uint8Array(randomBytes(32)) },
  )
const [a, b] = [await start(alice), await start(bob)]
b.serve('node.echo', { class: 'registered', requestBytesMax: 100, answerBytesMax: 100 }, async ({ body }) => body)
b.serve('node.wait', { class: 'registered', requestBytesMax: 100, answerBytesMax: 100 }, () => new Promise(() => undefined))
const peer = { hotkey: bob.publicKey, addresses: b.addresses() }
const answer = await a.call(peer, 'node.echo', utf8('x'), { netuid: 1, deadlineMs: 5_000 })
console.log(`answered ${answer.body.length}`)
// Closing in the middle of a call whose handler heeds nothing.
const waiting = a.call(peer, 'node.wait', utf8('x'), { netuid: 1, deadlineMs: 60_000 }).catch((error: { code: string }) => error.code)
await realClock.sleep(50)
await Promise.all([a.close(), b.close()])
console.log(`closed ${await waiting}`)
