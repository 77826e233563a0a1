/** Contract of the Network port: who is heard: every field of a call and a binding forged. */
import { expect, test } from 'vitest'
import { toHex, utf8 } from '../../../src/protocol/bytes.ts'
import { encodeFrame } from '../../../src/protocol/frame-codec.ts'
import type { Call } from '../../../src/protocol/frames.ts'
import type { Handler } from '../../../src/protocol/ports/network.ts'
import { testKey } from '../../support/network-keys.ts'
import { minerAccess, validatorAccess } from '../../support/network-parts.ts'
import { alice, at, bob, carol, echo, failing, rule, soon } from '../../support/network-scene.ts'
import type { OpenScene } from '../../support/network-scene.ts'
import { RawPeer, signedAuth } from '../../support/raw-peer.ts'

export function authentication(open: OpenScene): void {
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
    await using world = await open()
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
    await using world = await open()
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
    await using world = await open()
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
    await using world = await open()
    const [c, b] = [await world.neuron(carol), await world.neuron(bob)]
    b.serve('node.echo', rule(), echo)
    await expect(c.call(at(bob, b), 'node.echo', body, soon)).rejects.toEqual(failing('WIRE_FORBIDDEN'))
    world.members.set(carol, minerAccess)
    expect((await c.call(at(bob, b), 'node.echo', body, soon)).body).toEqual(body)
    world.members.remove(carol)
    await expect(c.call(at(bob, b), 'node.echo', body, soon)).rejects.toEqual(failing('WIRE_FORBIDDEN'))
  })

  test('classes hold: permit and admitted for who has them, and all for who is allow-listed', async () => {
    await using world = await open()
    world.members.set(carol, minerAccess)
    const [a, c] = [await world.neuron(alice), await world.neuron(carol)]
    const b = await world.neuron(bob, { allowList: [] })
    const lenient = await world.neuron(testKey('dave'), { allowList: [carol.hex] })
    for (const network of [b, lenient])
      for (const needs of ['permit', 'admitted'] as const) network.serve(`node.${needs}`, rule({ class: needs }), echo)
    for (const needs of ['permit', 'admitted']) {
      expect((await a.call(at(bob, b), `node.${needs}`, body, soon)).body).toEqual(body)
      await expect(c.call(at(bob, b), `node.${needs}`, body, soon)).rejects.toEqual(failing('WIRE_FORBIDDEN'))
      expect((await c.call(at(testKey('dave'), lenient), `node.${needs}`, body, soon)).body).toEqual(body)
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
    await using world = await open()
    const b = await world.neuron(bob)
    const carrier = await world.carrier('raw')
    const probe = await carrier.dial(b.addresses(), AbortSignal.timeout(5_000))
    const auth = await signedAuth(alice, probe.localPeer, Date.now(), change)
    const code = 'roles' in change ? 'WIRE_MALFORMED' : 'WIRE_UNAUTHENTICATED'
    await expect(RawPeer.connect(carrier, b.addresses(), alice, world.parts(alice), auth)).rejects.toEqual(failing(code))
  })

  test('a binding signed by another key counts for nothing', async () => {
    await using world = await open()
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
