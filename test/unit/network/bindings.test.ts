/** Our own binding through time, and the sequence numbers of others'. */
import { expect, test } from 'vitest'
import { Bindings } from '../../../src/network/bindings.ts'
import { settingsOf } from '../../../src/network/options.ts'
import { VirtualClock } from '../../support/clocks.ts'
import { testKey } from '../../support/network-keys.ts'
import { neuronParts, TestMembers, testGenesis } from '../../support/network-parts.ts'
import { signedAuth } from '../../support/raw-peer.ts'

const [alice, bob] = [testKey('alice'), testKey('bob')]
const peerId = new Uint8Array(38).fill(7)
const bindingsOf = (key: typeof alice, clock: VirtualClock): Bindings => {
  const settings = settingsOf({ genesis: testGenesis, chainId: 'test', roles: ['miner', 'gateway'] }, key.signer)
  return new Bindings(settings, neuronParts(key, new TestMembers(), clock))
}

test('one binding serves until half its life is over; the next has a higher sequence number', async () => {
  const clock = new VirtualClock()
  const own = bindingsOf(alice, clock)
  const first = await own.own(peerId)
  expect(first.bindings[0]?.binding).toMatchObject({ roles: 5, peerId, notBefore: clock.now(), expires: clock.now() + 86_400_000 })
  await clock.advance(12 * 3_600_000 - 1)
  expect(await own.own(peerId)).toBe(first)
  await clock.advance(1)
  const second = await own.own(peerId)
  expect(second.bindings[0]!.binding.seq).toBeGreaterThan(first.bindings[0]!.binding.seq)
  expect(bindingsOf(bob, clock).check(second, peerId)).toHaveLength(1)
})

test('a binding that was replaced counts no more, for its pair of key and peer alone', async () => {
  const clock = new VirtualClock()
  const theirs = bindingsOf(bob, clock)
  const now = clock.now()
  theirs.check(await signedAuth(alice, peerId, now, { seq: 10 }), peerId)
  theirs.check(await signedAuth(alice, peerId, now, { seq: 10 }), peerId)
  const older = await signedAuth(alice, peerId, now, { seq: 9 })
  expect(() => theirs.check(older, peerId)).toThrow(expect.objectContaining({ code: 'WIRE_UNAUTHENTICATED' }))
  const elsewhere = new Uint8Array(38).fill(8)
  expect(theirs.check(await signedAuth(alice, elsewhere, now, { seq: 1 }), elsewhere)).toHaveLength(1)
})

test('a forged binding does not move the sequence number of the key it names', async () => {
  const clock = new VirtualClock()
  const theirs = bindingsOf(bob, clock)
  const forged = await signedAuth(bob, peerId, clock.now(), { seq: 1_000, hotkey: alice.publicKey })
  expect(() => theirs.check(forged, peerId)).toThrow(expect.objectContaining({ code: 'WIRE_UNAUTHENTICATED' }))
  expect(theirs.check(await signedAuth(alice, peerId, clock.now(), { seq: 5 }), peerId)).toHaveLength(1)
})
