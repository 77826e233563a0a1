/** The contract of `SignatureCompute`: published keys and signatures, strictness, batches, and refusals with a code. */
import { ed25519 } from '@noble/curves/ed25519.js'
import * as sr25519 from '@scure/sr25519'
import { describe, expect, test } from 'vitest'
import { concat, fromHex, toHex, utf8 } from '../../src/protocol/bytes.ts'
import type { Scheme, SignatureCompute, SignedItem } from '../../src/protocol/ports/compute.ts'
import { byTheIdentity, smallOrderKeys, torsioned, withRaisedScalar } from '../support/forgeries.ts'
import { codeOf, detached } from '../support/hostile.ts'

const both: Scheme[] = ['sr25519', 'ed25519']
const devSeed = fromHex('fac7959dbfe72f052e5a0c3c8d6530f202b02fd8f9f5ca3580ec8deb7797479e')
const alice = fromHex('d43593c715fdd31c61141abd04a99fd6822c8558854ccde39a5684e7a56da27d')
const seed = new Uint8Array(32).fill(7)
const message = utf8('message')
const wrapped = utf8('<Bytes>message</Bytes>')

/** The chain code of a text junction shorter than 32 bytes: SCALE string, zero-padded. */
const junction = (name: string): Uint8Array => concat(Uint8Array.of(4 * name.length), utf8(name), new Uint8Array(31 - name.length))

export function signatureContract(name: string, make: () => SignatureCompute): void {
  describe(`SignatureCompute: ${name}`, () => {
    keys(make())
    signatures(make())
    strictness(make())
    batches(make())
    refusals(make())
  })
}

function keys(compute: SignatureCompute): void {
  const published: [Scheme, string, string][] = [
    ['sr25519', toHex(devSeed), '46ebddef8cd9bb167dc30878d7113b7e168e6f0646beffd77d69d39bad76b47a'],
    [
      'sr25519',
      '023d5fbd7981676587a9f7232aeae1087ac7c265f9658fb643b6f5e61961dfbf',
      '86eb46a3f42935d901acc3b8910ca301d969b76cfc2a80f0eac733a8eda7ed24',
    ],
    [
      'ed25519', // RFC 8032, 7.1, test 1
      '9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60',
      'd75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a',
    ],
  ]
  test.each(published)('makes the published %s key of seed %s', (scheme, seedHex, keyHex) => {
    const pair = compute.keyPair(scheme, fromHex(seedHex))
    expect(toHex(pair.publicKey)).toBe(keyHex)
    expect(pair.secret).toHaveLength(64)
    expect(compute.fromSecret(scheme, pair.secret)).toEqual(pair)
  })

  test('an sr25519 secret is the canonical scalar and the nonce seed', () => {
    const { secret } = compute.keyPair('sr25519', fromHex('023d5fbd7981676587a9f7232aeae1087ac7c265f9658fb643b6f5e61961dfbf'))
    expect(toHex(secret)).toBe(
      '2b400f61c21cbaad4d5cb2dcbb4ef4fcdc238b98d04d48c6d2a451ebfd306c0eed845edcc69b0a19a6905afed0dd84c16ebd0f458928f2e91a6b67b95fc0b42f',
    )
  })

  test('a hard junction of the dev seed gives Alice, from the mini-secret and from the secret alike', () => {
    const mini = compute.derive('hard', devSeed, junction('Alice'))
    expect(mini).toHaveLength(32)
    expect(compute.keyPair('sr25519', mini).publicKey).toEqual(alice)
    expect(compute.derive('hard', compute.keyPair('sr25519', devSeed).secret, junction('Alice'))).toEqual(mini)
  })

  test('a soft child has one public key, and signs', () => {
    const parent = compute.keyPair('sr25519', seed).secret
    const [one, other] = [compute.derive('soft', parent, junction('a')), compute.derive('soft', parent, junction('a'))]
    const { publicKey } = compute.fromSecret('sr25519', one)
    expect(compute.fromSecret('sr25519', other).publicKey).toEqual(publicKey)
    expect(compute.verify('sr25519', publicKey, message, compute.sign('sr25519', one, message))).toBe(true)
  })
}

function signatures(compute: SignatureCompute): void {
  test('accepts a published signature by Alice', () => {
    const text =
      '1700000000000000000.5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY.5FHneW46xGXgs5mUiveU4sbTyGBzmstUspZC92UhjJM694ty.' +
      '5ecbd69c-1cec-11ee-b0dc-e29ce36fec1a.a7ffc6f8bf1ed76651c14756a061d662f580ff4de43b49fa82d80a4b80f8434a'
    const by = fromHex(
      '246b67cb2add6cbd1143514167ade6895440d20476b7dabeee6fbc739f18a333c731866aaf6abfc050e1bcbcd639a89b75ff89e0cf85fc6635d3e852a64fdc84',
    )
    expect(compute.verify('sr25519', alice, utf8(text), by)).toBe(true)
    expect(compute.verify('sr25519', alice, utf8(`${text} `), by)).toBe(false)
    expect(compute.verify('ed25519', alice, utf8(text), by)).toBe(false)
  })

  test.each(both)('%s: accepts its own signatures, of the empty message and of the longest one', (scheme) => {
    const pair = compute.keyPair(scheme, seed)
    for (const text of [new Uint8Array(0), message, new Uint8Array(1 << 20)]) {
      const signature = compute.sign(scheme, pair.secret, text)
      expect(signature).toHaveLength(64)
      expect(compute.verify(scheme, pair.publicKey, text, signature)).toBe(true)
    }
  })

  test('sr25519 signatures differ each time, ed25519 signatures do not', () => {
    const twice = (scheme: Scheme) => [0, 1].map(() => toHex(compute.sign(scheme, compute.keyPair(scheme, seed).secret, message)))
    expect(new Set(twice('sr25519')).size).toBe(2)
    expect(new Set(twice('ed25519')).size).toBe(1)
  })

  test.each(both)('%s: refuses a signature with any byte changed, by another key, or of another message', (scheme) => {
    const pair = compute.keyPair(scheme, seed)
    const signature = compute.sign(scheme, pair.secret, message)
    for (let index = 0; index < 64; index++) {
      const changed = signature.slice()
      changed[index]! ^= 1 << (index % 8)
      expect(compute.verify(scheme, pair.publicKey, message, changed), `byte ${index}`).toBe(false)
    }
    expect(compute.verify(scheme, compute.keyPair(scheme, devSeed).publicKey, message, signature)).toBe(false)
    expect(compute.verify(scheme, pair.publicKey, utf8('messagf'), signature)).toBe(false)
  })
}

function strictness(compute: SignatureCompute): void {
  const accepts = ({ scheme, publicKey, message: text, signature }: SignedItem): boolean =>
    compute.verify(scheme, publicKey, text, signature)

  test('the all-zero key signs nothing', () => {
    for (let s = 0n; s < 40n; s++) expect(accepts(byTheIdentity(s, message)), `s = ${s}`).toBe(false)
  })

  test('keys of small order sign nothing, however they are written', () => {
    const signature = concat(Uint8Array.of(1), new Uint8Array(63))
    for (const key of smallOrderKeys) {
      for (let i = 0; i < 16; i++)
        expect(accepts({ scheme: 'ed25519', publicKey: fromHex(key), message: Uint8Array.of(i), signature }), key).toBe(false)
    }
  })

  test('a key of small order alone, or a commitment of small order alone, spoils an equation that holds', () => {
    expect(accepts(torsioned(5n, 0, 7n, 0, message))).toBe(true)
    expect(accepts(torsioned(5n, 0, 0n, 0, message))).toBe(false)
    for (let i = 0; i < 8; i++) {
      for (let text = 0; text < 16; text++) expect(accepts(torsioned(0n, i, 7n, 0, Uint8Array.of(text))), `twist ${i}`).toBe(false)
    }
  })

  test('an sr25519 signature without its marker bit is none', () => {
    const pair = compute.keyPair('sr25519', seed)
    const signature = compute.sign('sr25519', pair.secret, message)
    expect(signature[63]! & 0x80).toBe(0x80)
    signature[63]! &= 0x7f
    expect(compute.verify('sr25519', pair.publicKey, message, signature)).toBe(false)
  })

  test.each(both)('%s: a scalar that is not reduced makes no second signature', (scheme) => {
    const pair = compute.keyPair(scheme, seed)
    const signature = compute.sign(scheme, pair.secret, message)
    expect(compute.verify(scheme, pair.publicKey, message, withRaisedScalar(signature))).toBe(false)
  })

  test('text as wallets wrap it is neither signed nor accepted', async () => {
    const byEd = { publicKey: ed25519.getPublicKey(seed), signature: ed25519.sign(wrapped, seed) }
    expect(ed25519.verify(byEd.signature, wrapped, byEd.publicKey)).toBe(true)
    expect(accepts({ scheme: 'ed25519', message: wrapped, ...byEd })).toBe(false)
    const secret = sr25519.secretFromSeed(seed)
    const bySr = { publicKey: sr25519.getPublicKey(secret), signature: sr25519.sign(secret, wrapped) }
    expect(accepts({ scheme: 'sr25519', message: wrapped, ...bySr })).toBe(false)
    for (const scheme of both) {
      const pair = compute.keyPair(scheme, seed)
      expect(await codeOf(() => compute.sign(scheme, pair.secret, wrapped))).toBe('SIGNATURE_MESSAGE_WRAPPED')
      const almost = utf8('<Bytes>message')
      expect(compute.verify(scheme, pair.publicKey, almost, compute.sign(scheme, pair.secret, almost))).toBe(true)
    }
  })
}

function batches(compute: SignatureCompute): void {
  test('a batch accepts exactly what single verification accepts', () => {
    const items: SignedItem[] = Array.from({ length: 40 }, (_, i) => {
      const scheme = both[i % 2] ?? 'sr25519'
      const pair = compute.keyPair(
        scheme,
        seed.map((byte) => byte + i),
      )
      const text = new Uint8Array(i * 3).fill(i)
      const signature = compute.sign(scheme, pair.secret, text)
      if (i % 7 === 3) signature[i]! ^= 4
      return { scheme, publicKey: pair.publicKey, message: text, signature }
    })
    items.push(byTheIdentity(5n, message))
    const single = items.map((item) => Number(compute.verify(item.scheme, item.publicKey, item.message, item.signature)))
    expect(new Set(single)).toEqual(new Set([0, 1]))
    expect([...compute.verifyBatch(items)]).toEqual(single)
    expect([...compute.verifyBatch(items.slice(4, 10))]).toEqual(single.slice(4, 10))
    expect(compute.verifyBatch([])).toEqual(new Uint8Array(0))
  })
}

function refusals(compute: SignatureCompute): void {
  const { publicKey, secret } = compute.keyPair('ed25519', seed)
  const signature = compute.sign('ed25519', secret, message)
  const long = new Uint8Array((1 << 20) + 1)
  const item: SignedItem = { scheme: 'ed25519', publicKey, message, signature }

  const wrong: [string, () => unknown, string][] = [
    ['a seed of 31 bytes', () => compute.keyPair('ed25519', seed.subarray(1)), 'NATIVE_ARGUMENT'],
    ['a detached seed', () => compute.keyPair('sr25519', detached(32)), 'NATIVE_ARGUMENT'],
    ['an unknown scheme', () => compute.keyPair('toString' as never, seed), 'NATIVE_ARGUMENT'],
    ['a seed as text', () => compute.keyPair('sr25519', '7'.repeat(32) as never), 'NATIVE_ARGUMENT'],
    [
      'an ed25519 secret with another public half',
      () =>
        compute.fromSecret(
          'ed25519',
          secret.map((b) => b ^ 1),
        ),
      'SIGNATURE_SECRET_INVALID',
    ],
    ['an sr25519 scalar above the order', () => compute.fromSecret('sr25519', new Uint8Array(64).fill(255)), 'SIGNATURE_SECRET_INVALID'],
    ['a zero sr25519 scalar', () => compute.fromSecret('sr25519', new Uint8Array(64)), 'SIGNATURE_SECRET_INVALID'],
    ['to sign with a secret of 63 bytes', () => compute.sign('ed25519', secret.subarray(1), message), 'NATIVE_ARGUMENT'],
    [
      'to sign with a scalar above the order',
      () => compute.sign('sr25519', new Uint8Array(64).fill(255), message),
      'SIGNATURE_SECRET_INVALID',
    ],
    ['to sign one byte too many', () => compute.sign('ed25519', secret, long), 'SIGNATURE_MESSAGE_TOO_LONG'],
    ['to verify one byte too many', () => compute.verify('ed25519', publicKey, long, signature), 'SIGNATURE_MESSAGE_TOO_LONG'],
    ['a key of 33 bytes', () => compute.verify('ed25519', new Uint8Array(33), message, signature), 'NATIVE_ARGUMENT'],
    ['a signature of 63 bytes', () => compute.verify('ed25519', publicKey, message, signature.subarray(1)), 'NATIVE_ARGUMENT'],
    ['shared memory', () => compute.verify('ed25519', new Uint8Array(new SharedArrayBuffer(32)), message, signature), 'NATIVE_ARGUMENT'],
    ['a message as text', () => compute.verify('ed25519', publicKey, 'message' as never, signature), 'NATIVE_ARGUMENT'],
    ['a firm junction', () => compute.derive('firm' as never, seed, seed), 'NATIVE_ARGUMENT'],
    ['a chain code of 31 bytes', () => compute.derive('hard', seed, seed.subarray(1)), 'NATIVE_ARGUMENT'],
    ['a soft child of a mini-secret', () => compute.derive('soft', seed, seed), 'NATIVE_ARGUMENT'],
    ['a hard child of 33 bytes', () => compute.derive('hard', new Uint8Array(33), seed), 'NATIVE_ARGUMENT'],
    ['a batch that is no array', () => compute.verifyBatch({ length: 1 } as never), 'NATIVE_ARGUMENT'],
    ['a batch with a hole', () => compute.verifyBatch([item, null as never]), 'NATIVE_ARGUMENT'],
    ['a batch with a short key', () => compute.verifyBatch([{ ...item, publicKey: publicKey.subarray(1) }]), 'NATIVE_ARGUMENT'],
    ['a batch with a long message', () => compute.verifyBatch([{ ...item, message: long }]), 'SIGNATURE_MESSAGE_TOO_LONG'],
    ['16,385 items', () => compute.verifyBatch(Array.from({ length: 16_385 }, () => item)), 'SIGNATURE_BATCH_TOO_LARGE'],
  ]
  test.each(wrong)('refuses %s', async (_, work, code) => {
    expect(await codeOf(work)).toBe(code)
  })
}
