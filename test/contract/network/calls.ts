/** Contract of the Network port: calls and their answers. */
import { expect, test } from 'vitest'
import { toHex, utf8 } from '../../../src/protocol/bytes.ts'
import { NodeError } from '../../../src/protocol/errors.ts'
import { decode, signingBytes } from '../../../src/protocol/frames.ts'
import { sha256 } from '../../../src/protocol/hash.ts'
import type { Answer } from '../../../src/protocol/ports/network.ts'
import { realClock } from '../../support/clocks.ts'
import { testSignature } from '../../support/network-keys.ts'
import { validatorAccess } from '../../support/network-parts.ts'
import { alice, at, bob, carol, echo, failing, rule, soon } from '../../support/network-scene.ts'
import type { OpenScene } from '../../support/network-scene.ts'

export function calls(open: OpenScene): void {
  test('an answer comes back signed over the very call, with its times', async () => {
    await using world = await open()
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
    await using world = await open()
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
    await using world = await open()
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
    await using world = await open()
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
    await using world = await open()
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
    await using world = await open()
    const [a, b] = [await world.neuron(alice), await world.neuron(bob)]
    b.serve('node.echo', rule(), echo)
    const answer = await a.call(at(bob, b), 'node.echo', utf8('x'), { ...soon, unsignedEnd: true })
    expect(answer.signature).toEqual(new Uint8Array(64))
  })

  test('an answer under another key is refused', async () => {
    await using world = await open()
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
    await using world = await open()
    const [a, b] = [await world.neuron(alice), await world.neuron(bob)]
    b.serve('node.echo', rule(), echo)
    await expect(a.call({ ...at(bob, b), hotkey: carol.publicKey }, 'node.echo', utf8('x'), soon)).rejects.toEqual(
      failing('WIRE_UNAUTHENTICATED'),
    )
  })

  test('who is on another chain is told so', async () => {
    await using world = await open()
    const [a, b] = [await world.neuron(alice, { genesis: new Uint8Array(32).fill(9) }), await world.neuron(bob)]
    b.serve('node.echo', rule(), echo)
    await expect(a.call(at(bob, b), 'node.echo', utf8('x'), soon)).rejects.toEqual(failing('WIRE_WRONG_CHAIN'))
  })

  test('whose clock is off by more than 10 s is told so', async () => {
    await using world = await open()
    const late = { ...realClock, now: () => Date.now() - 11_000 }
    const [a, b] = [await world.neuron(alice, {}, { clock: late }), await world.neuron(bob)]
    b.serve('node.echo', rule(), echo)
    await expect(a.call(at(bob, b), 'node.echo', utf8('x'), soon)).rejects.toEqual(failing('WIRE_CLOCK'))
  })

  test('nobody at the address is unreachable, and a wrong address is not dialled', async () => {
    await using world = await open()
    const [a, b] = [await world.neuron(alice), await world.neuron(bob)]
    const peer = at(bob, b)
    await b.close()
    await expect(a.call(peer, 'node.echo', utf8('x'), soon)).rejects.toEqual(failing('WIRE_UNREACHABLE'))
    const nowhere = { ...peer, addresses: ['/dns4/localhost/tcp/1'] }
    await expect(a.call(nowhere, 'node.echo', utf8('x'), soon)).rejects.toEqual(failing('WIRE_ADDRESS_REFUSED'))
  })

  test('a peer that comes back under its key is dialled again', async () => {
    await using world = await open()
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
