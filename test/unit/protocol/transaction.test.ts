import { describe, expect, test } from 'vitest'
import { actionKinds, signerRole } from '../../../src/protocol/actions.ts'
import { concat, toHex, utf8 } from '../../../src/protocol/bytes.ts'
import { sha256 } from '../../../src/protocol/hash.ts'
import type { Action, ActionKind, Unsigned } from '../../../src/protocol/ports/ledger.ts'
import {
  decodeTransaction,
  encodeTransaction,
  signedItem,
  signingBytes,
  signTransaction,
  transactionId,
} from '../../../src/protocol/transaction.ts'
import { rng, testSeed } from '../../support/random.ts'

const key = (n: number): Uint8Array => new Uint8Array(32).fill(n)
const zero = new Uint8Array(32)
const signature = new Uint8Array(64).fill(5)
const u64Max = 2n ** 64n - 1n

/** One action of each kind; the type makes a missing kind a mistake. */
const samples: { [K in ActionKind]: Extract<Action, { kind: K }> } = {
  transfer: { kind: 'transfer', to: key(1), amount: 5n },
  register: { kind: 'register', netuid: 1, coldkey: key(1), block: 7n, nonce: u64Max },
  register_burned: { kind: 'register_burned', netuid: 1, hotkey: key(2), limit: 10n },
  add_stake: { kind: 'add_stake', hotkey: key(2), amount: 1n },
  remove_stake: { kind: 'remove_stake', hotkey: key(2), amount: 2n },
  move_stake: { kind: 'move_stake', from: key(2), to: key(3), amount: 3n },
  become_delegate: { kind: 'become_delegate', hotkey: key(2), take: 11_796 },
  set_take: { kind: 'set_take', hotkey: key(2), take: 0 },
  serve: { kind: 'serve', netuid: 1, addresses: ['/ip4/10.0.0.1/tcp/8095'], httpIp: new Uint8Array(16).fill(1), httpPort: 8_091 },
  commit_model: { kind: 'commit_model', netuid: 1, root: key(4), class: 4, sequenceLength: 256 },
  commit_weights: { kind: 'commit_weights', netuid: 1, epoch: 3n, commitment: key(5) },
  reveal_weights: {
    kind: 'reveal_weights',
    netuid: 1,
    epoch: 3n,
    uids: Uint16Array.of(0, 4_095),
    values: Uint16Array.of(65_535, 0),
    salt: key(6),
    evidence: zero,
  },
}
const unsigned = (action: Action, change: Partial<Unsigned> = {}): Unsigned => ({
  chainId: 'taumesh-test',
  genesis: key(9),
  action,
  scheme: 'ed25519',
  signer: key(8),
  nonce: 0n,
  expiry: u64Max,
  ...change,
})
const encode = (action: Action, change: Partial<Unsigned> = {}): Uint8Array => encodeTransaction(unsigned(action, change), signature)
const codeOf = (run: () => unknown): string => {
  try {
    run()
  } catch (error) {
    return (error as { code?: string }).code ?? String(error)
  }
  return 'none'
}

describe('transactions', () => {
  test.each(actionKinds)('a %s survives encoding and decoding', (kind) => {
    const transaction = unsigned(samples[kind])
    const bytes = encodeTransaction(transaction, signature)
    const decoded = decodeTransaction(bytes)
    expect(decoded.unsigned).toEqual(transaction)
    expect(decoded.signature).toEqual(signature)
    expect(decoded.id).toBe(transactionId(transaction))
    expect(encodeTransaction(decoded.unsigned, decoded.signature)).toEqual(bytes)
  })
  test('what is signed is the tag and the hash of everything but the signature', () => {
    const transaction = unsigned(samples.transfer)
    const decoded = decodeTransaction(encodeTransaction(transaction, signature))
    expect(signingBytes(transaction)).toEqual(concat(utf8('taumesh:tx:1'), new Uint8Array(1), Buffer.from(decoded.id, 'hex')))
    expect(signedItem(decoded).message).toEqual(signingBytes(transaction))
  })
  test('another signature is no other transaction, another field is', () => {
    const again = decodeTransaction(encodeTransaction(unsigned(samples.transfer), new Uint8Array(64).fill(6)))
    expect(again.id).toBe(transactionId(unsigned(samples.transfer)))
    const changes: Partial<Unsigned>[] = [
      { chainId: 'taumesh-tesu' },
      { genesis: key(10) },
      { scheme: 'sr25519' },
      { signer: key(7) },
      { nonce: 1n },
      { expiry: 1n },
      { action: samples.add_stake },
    ]
    const ids = new Set(changes.map((change) => transactionId(unsigned(samples.transfer, change))))
    expect(ids.size).toBe(changes.length)
    expect(ids).not.toContain(again.id)
  })
  test('only the key that is named signs', async () => {
    const signer = {
      scheme: 'ed25519' as const,
      publicKey: key(8),
      sign: async (message: Uint8Array) => concat(sha256(message), sha256(message)),
    }
    const bytes = await signTransaction(unsigned(samples.transfer), signer)
    const message = sha256(signingBytes(unsigned(samples.transfer)))
    expect(decodeTransaction(bytes).signature).toEqual(concat(message, message))
    await expect(signTransaction(unsigned(samples.transfer, { signer: key(1) }), signer)).rejects.toMatchObject({
      code: 'LEDGER_MALFORMED',
    })
    await expect(signTransaction(unsigned(samples.transfer, { scheme: 'sr25519' }), signer)).rejects.toMatchObject({
      code: 'LEDGER_MALFORMED',
    })
  })
  test('hotkeys sign what costs no fee, coldkeys everything that moves money', () => {
    const hot = actionKinds.filter((kind) => signerRole(kind) === 'hotkey')
    expect(hot.toSorted()).toEqual(['commit_model', 'commit_weights', 'register', 'reveal_weights', 'serve'])
  })
  test('the numbers of the kinds stay what they are', () => {
    const numbers = actionKinds.map((kind) => [kind, encode(samples[kind])[36]])
    expect(Object.fromEntries(numbers)).toEqual({
      transfer: 1,
      register: 2,
      register_burned: 3,
      add_stake: 4,
      remove_stake: 5,
      move_stake: 6,
      become_delegate: 7,
      set_take: 8,
      serve: 9,
      commit_model: 10,
      commit_weights: 11,
      reveal_weights: 12,
    })
  })
})

describe('values out of range are refused before they are serialised', () => {
  const u64s = [-1n, 2n ** 64n, 5 as unknown as bigint, undefined as unknown as bigint]
  const u16s = [-1, -0, 65_536, 0.5, Number.NaN, 2 ** 53, 5n as unknown as number]
  const bytes = [new Uint8Array(31), new Uint8Array(33), new Uint8Array(0), 'key' as unknown as Uint8Array]
  const fields: [string, (value: never) => Unsigned, unknown[]][] = [
    ['nonce', (nonce) => unsigned(samples.transfer, { nonce }), u64s],
    ['expiry', (expiry) => unsigned(samples.transfer, { expiry }), u64s],
    ['signer', (signer) => unsigned(samples.transfer, { signer }), [...bytes, zero]],
    ['genesis', (genesis) => unsigned(samples.transfer, { genesis }), bytes],
    ['chainId', (chainId) => unsigned(samples.transfer, { chainId }), ['x'.repeat(33), 'naïve', 'a\n']],
    ['scheme', (scheme) => unsigned(samples.transfer, { scheme }), ['rsa', undefined]],
    ['transfer.amount', (amount) => unsigned({ ...samples.transfer, amount }), u64s],
    ['transfer.to', (to) => unsigned({ ...samples.transfer, to }), [...bytes, zero]],
    ['register.netuid', (netuid) => unsigned({ ...samples.register, netuid }), u16s],
    ['register.coldkey', (coldkey) => unsigned({ ...samples.register, coldkey }), [...bytes, zero]],
    ['register.block', (block) => unsigned({ ...samples.register, block }), u64s],
    ['register.nonce', (nonce) => unsigned({ ...samples.register, nonce }), u64s],
    ['register_burned.hotkey', (hotkey) => unsigned({ ...samples.register_burned, hotkey }), [...bytes, zero]],
    ['register_burned.limit', (limit) => unsigned({ ...samples.register_burned, limit }), u64s],
    ['add_stake.hotkey', (hotkey) => unsigned({ ...samples.add_stake, hotkey }), [...bytes, zero]],
    ['add_stake.amount', (amount) => unsigned({ ...samples.add_stake, amount }), u64s],
    ['remove_stake.amount', (amount) => unsigned({ ...samples.remove_stake, amount }), u64s],
    ['move_stake.from', (from) => unsigned({ ...samples.move_stake, from }), [...bytes, zero]],
    ['move_stake.to', (to) => unsigned({ ...samples.move_stake, to }), [...bytes, zero]],
    ['become_delegate.take', (take) => unsigned({ ...samples.become_delegate, take }), u16s],
    ['set_take.take', (take) => unsigned({ ...samples.set_take, take }), u16s],
    ['serve.httpIp', (httpIp) => unsigned({ ...samples.serve, httpIp }), [new Uint8Array(15), new Uint8Array(17), new Uint8Array(16)]],
    ['serve.httpPort', (httpPort) => unsigned({ ...samples.serve, httpPort }), [...u16s, 0]],
    [
      'serve.addresses',
      (addresses) => unsigned({ ...samples.serve, addresses }),
      [
        Array.from({ length: 5 }, (_, i) => `/a/${i}`),
        [`/${'a'.repeat(128)}`],
        ['/a', '/a'],
        ['no slash'],
        ['/with space'],
        ['/é'],
        [''],
        ['/'],
      ],
    ],
    ['commit_model.root', (root) => unsigned({ ...samples.commit_model, root }), bytes],
    ['commit_model.class', (value) => unsigned({ ...samples.commit_model, class: value }), [-1, 5, 256]],
    ['commit_model.sequenceLength', (sequenceLength) => unsigned({ ...samples.commit_model, sequenceLength }), [0, 63, 255, 65_536]],
    ['commit_weights.epoch', (epoch) => unsigned({ ...samples.commit_weights, epoch }), u64s],
    ['commit_weights.commitment', (commitment) => unsigned({ ...samples.commit_weights, commitment }), bytes],
    [
      'reveal_weights.uids',
      (uids) => unsigned({ ...samples.reveal_weights, uids }),
      [Uint16Array.of(1, 0), Uint16Array.of(1, 1), Uint16Array.of(0), Uint16Array.of(0, 4_096), new Uint16Array(4_097)],
    ],
    ['reveal_weights.values', (values) => unsigned({ ...samples.reveal_weights, values }), [Uint16Array.of(1), Uint16Array.of(1, 2, 3)]],
    ['reveal_weights.salt', (salt) => unsigned({ ...samples.reveal_weights, salt }), bytes],
    ['kind', (kind) => unsigned({ ...samples.transfer, kind }), ['toString', '__proto__', 'unknown']],
  ]
  test.each(fields)('%s', (_name, build, values) => {
    for (const value of values)
      expect(
        codeOf(() => encodeTransaction(build(value as never), signature)),
        String(value),
      ).toBe('LEDGER_MALFORMED')
  })
  test('signature', () => {
    for (const length of [0, 63, 65])
      expect(codeOf(() => encodeTransaction(unsigned(samples.transfer), new Uint8Array(length)))).toBe('LEDGER_MALFORMED')
  })
  test('the edges are accepted', () => {
    const edges: Unsigned[] = [
      unsigned({ ...samples.transfer, amount: u64Max }, { nonce: u64Max, expiry: 0n }),
      unsigned({ ...samples.register, netuid: 65_535, block: u64Max, nonce: 0n }),
      unsigned({ ...samples.serve, addresses: ['a', 'b', 'c', 'd'].map((c) => `/${c.repeat(127)}`) }),
      unsigned({ ...samples.serve, addresses: [], httpIp: new Uint8Array(16), httpPort: 0 }),
      unsigned({ ...samples.reveal_weights, uids: Uint16Array.from({ length: 4_096 }, (_, i) => i), values: new Uint16Array(4_096) }),
      unsigned({ ...samples.reveal_weights, uids: new Uint16Array(0), values: new Uint16Array(0) }),
      unsigned(samples.transfer, { chainId: 'x'.repeat(32) }),
    ]
    for (const edge of edges) expect(decodeTransaction(encodeTransaction(edge, signature)).unsigned).toEqual(edge)
  })
})

describe('bytes that are not canonical are refused', () => {
  test('too long, too short, trailing', () => {
    const bytes = encode(samples.transfer)
    expect(codeOf(() => decodeTransaction(new Uint8Array(65_537)))).toBe('LEDGER_MALFORMED')
    expect(codeOf(() => decodeTransaction(new Uint8Array(0)))).toBe('LEDGER_MALFORMED')
    for (let length = 0; length < bytes.length; length++)
      expect(codeOf(() => decodeTransaction(bytes.subarray(0, length)))).toBe('LEDGER_MALFORMED')
    expect(codeOf(() => decodeTransaction(concat(bytes, new Uint8Array(1))))).toBe('LEDGER_MALFORMED')
  })
  test('an unknown kind or scheme, a zero key', () => {
    const patched = (at: number, ...values: number[]): Uint8Array => {
      const bytes = encode(samples.transfer)
      bytes.set(values, at)
      return bytes
    }
    expect(codeOf(() => decodeTransaction(patched(36, 0)))).toBe('LEDGER_MALFORMED')
    expect(codeOf(() => decodeTransaction(patched(36, 13)))).toBe('LEDGER_MALFORMED')
    expect(codeOf(() => decodeTransaction(patched(37, 2)))).toBe('LEDGER_MALFORMED')
    expect(codeOf(() => decodeTransaction(patched(38, ...zero)))).toBe('LEDGER_MALFORMED')
  })
  test('whatever decodes encodes to the same bytes, over mutations of every kind', () => {
    const random = rng(testSeed())
    const originals = actionKinds.map((kind) => encode(samples[kind]))
    let [decoded, refused] = [0, 0]
    for (let round = 0; round < 4_000; round++) {
      const original = originals[random.int(originals.length)] ?? new Uint8Array(0)
      let bytes = Uint8Array.from(original)
      for (let flips = 1 + random.int(3); flips > 0; flips--) bytes[random.int(bytes.length)] = random.int(256)
      if (random.int(4) === 0) bytes = bytes.slice(0, random.int(bytes.length))
      if (random.int(4) === 0) bytes = concat(bytes, random.bytes(random.int(4))) as Uint8Array<ArrayBuffer>
      const code = codeOf(() => {
        const { unsigned: found, signature: by } = decodeTransaction(bytes)
        expect(toHex(encodeTransaction(found, by))).toBe(toHex(bytes))
        decoded++
      })
      expect(['none', 'LEDGER_MALFORMED'], `${testSeed()}/${round}: ${toHex(bytes)}`).toContain(code)
      if (code !== 'none') refused++
    }
    // Both happen, or the test has shown nothing.
    expect(decoded).toBeGreaterThan(100)
    expect(refused).toBeGreaterThan(100)
  })
})
