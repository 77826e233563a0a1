/** Contract of the Network port: what a peer may send that keeps no rule. */
import { expect, test } from 'vitest'
import { toHex, utf8 } from '../../../src/protocol/bytes.ts'
import { encodeFrame } from '../../../src/protocol/frame-codec.ts'
import { hashOf } from '../../../src/protocol/frames.ts'
import { sha256 } from '../../../src/protocol/hash.ts'
import { alice, at, bob, carol, echo, failing, rule, soon } from '../../support/network-scene.ts'
import type { OpenScene } from '../../support/network-scene.ts'
import { RawPeer, sendRaw, untilGone } from '../../support/raw-peer.ts'

export function hostile(open: OpenScene): void {
  test('malformed and oversized frames are refused, earn points, and 50 points end the connection', async () => {
    await using world = await open()
    const b = await world.neuron(bob)
    b.serve('node.echo', rule(), echo)
    const raw = await world.raw(alice, b)
    const huge = Uint8Array.of(0xff, 0xff, 0xff, 0x7f, 0x10)
    expect((await raw.send(huge)).error).toBe('WIRE_TOO_LARGE')
    expect((await raw.send(Uint8Array.of(2, 0x33, 0))).error).toBe('WIRE_MALFORMED')
    expect(raw.connection.gone.aborted).toBe(false)
    await raw.send(encodeFrame('ack', { state: 0, position: 0, etaMs: 0 }))
    await untilGone(raw.connection.gone)
    // Refused from now on, before any handshake; others are served.
    const carrier = await world.carrier('honest')
    const honest = await RawPeer.connect(carrier, b.addresses(), alice, world.parts(alice))
    expect((await honest.request(honest.header(bob.publicKey, 'node.echo', utf8('x')), utf8('x'))).frames[0]?.kind).toBe('end')
  })

  test("a body above the method's cap is refused before it is read, at the cap it is served", async () => {
    await using world = await open()
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
    await using world = await open()
    const b = await world.neuron(bob)
    b.serve('chain.head', rule({ class: 'open' }), echo)
    const carrier = await world.carrier('raw')
    const connection = await carrier.dial(b.addresses(), AbortSignal.timeout(5_000))
    const call = {
      channel: new Uint8Array(32),
      deadline: Date.now() + 5_000,
      trace: new Uint8Array(16),
      method: utf8('chain.head'),
      body: utf8('x'),
    }
    const answer = await sendRaw(connection, encodeFrame('open', call), world.parts(alice))
    expect(answer).toEqual({ frames: [], error: undefined, end: 'gone' })
    const raw = await world.raw(carol, b)
    expect((await raw.send(encodeFrame('open', call))).error).toBe('WIRE_WRONG_TARGET')
    const request = hashOf('open', { ...call, channel: raw.channel })
    const served = await raw.send(encodeFrame('open', { ...call, channel: raw.channel }))
    expect(served.frames[0]).toMatchObject({ kind: 'end', value: { head: { request } } })
  })

  test('an answer that is too large for its method is an error, not an answer', async () => {
    await using world = await open()
    const [a, b] = [await world.neuron(alice), await world.neuron(bob)]
    b.serve('node.much', rule({ answerBytesMax: 100_000 }), async ({ chunk }) => {
      for (let i = 0; i < 3; i++) await chunk(new Uint8Array(50_000))
      return utf8('')
    })
    await expect(a.call(at(bob, b), 'node.much', utf8(''), soon)).rejects.toEqual(failing('WIRE_INTERNAL'))
  })
}
