/** The frames against wire.md section 6 (Section 1 vectors), and the codec against what a peer may send. */
import { verify } from '@scure/sr25519'
import { describe, expect, test } from 'vitest'
import { concat, fromHex, toHex, utf8 } from '../../../src/protocol/bytes.ts'
import { encodeFrame, FrameDecoder, frameOf } from '../../../src/protocol/frame-codec.ts'
import { channelOf, decode, encode, hashOf, isZero, signingBytes } from '../../../src/protocol/frames.ts'
import type { Binding, Call, Head, Hello } from '../../../src/protocol/frames.ts'
import { sha256 } from '../../../src/protocol/hash.ts'

const alice = fromHex('d43593c715fdd31c61141abd04a99fd6822c8558854ccde39a5684e7a56da27d')
const bob = fromHex('8eaf04151687736326c9fea17e25fc5287613693c912909cb226aa4794f26a48')
const sentAt = 1_700_000_000_000
const fill = (byte: number, length = 32): Uint8Array => new Uint8Array(length).fill(byte)
const genesis = fill(0x11)
const peerId = (byte: number): Uint8Array => concat(fromHex('002408011220'), fill(byte))

const hello = (random: number, headHeight: number): Hello => ({
  minorMin: 0,
  minorMax: 0,
  features: 1n,
  genesis,
  chainId: utf8('taumesh-test'),
  random: fill(random),
  clock: sentAt,
  headHeight,
  headHash: fill(0x33),
  maxFrame: 1_048_576,
  maxStreams: 8,
  agent: utf8('taumesh/0.1.0'),
})
const dialer = hello(0xaa, 7)
const listener = hello(0xbb, 8)
const channel = channelOf(
  { hello: encode('hello', dialer), peerId: peerId(0xa1) },
  { hello: encode('hello', listener), peerId: peerId(0xb1) },
)
const binding: Binding = {
  genesis,
  hotkey: alice,
  peerId: peerId(0xa1),
  seq: 1,
  notBefore: sentAt,
  expires: sentAt + 86_400_000,
  roles: 1,
}
const call: Call = {
  genesis,
  caller: alice,
  receiver: bob,
  channel,
  nonce: 1,
  sentAt,
  deadline: sentAt + 12_000,
  netuid: 1,
  flags: 0,
  trace: fill(0, 16),
  method: utf8('node.ping'),
  bodyLength: 5,
  bodyHash: sha256(utf8('hello')),
}
const head: Head = {
  request: hashOf('call', call),
  status: 0,
  chunks: 0,
  bytes: 5,
  root: sha256(utf8('hello')),
  servedAt: sentAt + 100,
  queueMs: 1,
  runMs: 2,
}

describe('the vectors of wire.md 6', () => {
  test('hellos hash to the vectors', () => {
    expect(toHex(hashOf('hello', dialer))).toBe('cb706b05cb5e1c60e66d9e8d5986e73a2f0f8cfb7cdba716f8f0f4ecb9f6809b')
    expect(toHex(hashOf('hello', listener))).toBe('21828e46639f8de3eb083b28274b3ea9b82bc7ce63ff07e1025aa59487890a24')
  })
  test('the channel is the vector', () => {
    expect(toHex(channel)).toBe('d1bef4239b5b607485c12e2abee6f921443e17cad3facfcd74a4f7ef5fc39dfd')
  })
  test('a call of node.ping is 221 bytes', () => {
    expect(encode('call', call)).toHaveLength(221)
  })
  test.each([
    [
      'binding',
      alice,
      encode('binding', binding),
      '6c52037eec1bbd462fe384d515341955850ebaffd7d6c9b5ba387378fe80c222',
      'febfbb2e71b8106527a0f50c797aa89bb4b58d017acf7d2b850c0e29cb916b308b5f5871f73f8e9aa3d2dda52f97720bf1d9a89fa826b96c5d04825cad4da58b',
    ],
    [
      'call',
      alice,
      encode('call', call),
      'eae0642490aa2594e9cdb2357f198e1ff8ce39179502651fff851be2d6af853c',
      'de072645f32921a793a2c31abf377580b45d760fc14b54aad521689da76fa21819273cb36236e7b82d4f7deececb7610f951cb17cde9d79ad137e679bcb34588',
    ],
    [
      'head',
      bob,
      encode('head', head),
      '1421a3126d4a80f059bf577a22b71861f67371aac6bb251feb39a452607bb025',
      'f4db73fe2ef540c6843b9f1c5725642b8fceb8230065b30695efc409769ffd0b4345212d2af52de77006af37b77ff021057ff310e9c5edebc24904bfb88d6f85',
    ],
  ] as const)('a %s hashes to the vector and its signature verifies under its tag alone', (kind, key, ssz, hash, signature) => {
    expect(toHex(sha256(ssz))).toBe(hash)
    expect(verify(signingBytes(kind, ssz), fromHex(signature), key)).toBe(true)
    for (const other of ['binding', 'call', 'head'] as const)
      if (other !== kind) expect(verify(signingBytes(other, ssz), fromHex(signature), key)).toBe(false)
  })
})

describe('containers', () => {
  test('decoding gives back what was encoded', () => {
    expect(decode('call', encode('call', call))).toEqual(call)
    expect(decode('auth', encode('auth', { bindings: [{ binding, signature: fill(7, 64) }] }))).toEqual({
      bindings: [{ binding, signature: fill(7, 64) }],
    })
  })
  test.each([
    ['one byte too few', (bytes: Uint8Array) => bytes.subarray(1)],
    ['an offset that leaves a gap', (bytes: Uint8Array) => bytes.map((byte, i) => (i === 172 ? byte + 1 : byte))],
    ['a counter that is no safe integer', (bytes: Uint8Array) => bytes.map((byte, i) => (i >= 128 && i < 136 ? 0xff : byte))],
    ['a method longer than 48 bytes', (bytes: Uint8Array) => concat(bytes, fill(0x61, 40))],
  ])('refuses %s', (_name, change) => {
    expect(() => decode('call', change(encode('call', call)))).toThrow(expect.objectContaining({ code: 'WIRE_MALFORMED' }))
  })
  test('refuses a ninth binding and a chunk above 64 KiB', () => {
    const nine = { bindings: Array.from({ length: 9 }, () => ({ binding, signature: fill(7, 64) })) }
    expect(() => decode('auth', encode('auth', nine))).toThrow(expect.objectContaining({ code: 'WIRE_MALFORMED' }))
    const chunk = encode('chunk', { index: 0, data: fill(0, 65_537) })
    expect(() => decode('chunk', chunk)).toThrow(expect.objectContaining({ code: 'WIRE_MALFORMED' }))
    expect(decode('chunk', encode('chunk', { index: 0, data: fill(0, 65_536) })).data).toHaveLength(65_536)
  })
  test('knows the all-zero key', () => {
    expect(isZero(fill(0))).toBe(true)
    expect(isZero(fill(0).fill(1, 31))).toBe(false)
  })
})

describe('frames', () => {
  const decoder = (cap = 1024): FrameDecoder => new FrameDecoder((kind) => (kind === 'hello' ? 0 : cap))
  const ack = { state: 0, position: 3, etaMs: 250 }

  test('come out of any cutting of the stream in order', () => {
    const stream = concat(encodeFrame('ack', ack), encodeFrame('chunk', { index: 1, data: fill(9, 300) }), encodeFrame('ack', ack))
    for (const step of [1, 2, 7, 100, stream.length]) {
      const reader = decoder()
      const kinds: string[] = []
      for (let at = 0; at < stream.length; at += step) {
        reader.push(stream.subarray(at, at + step))
        for (let frame = reader.next(); frame; frame = reader.next()) kinds.push(frame.kind)
      }
      expect(kinds, `step ${step}`).toEqual(['ack', 'chunk', 'ack'])
      expect(reader.held).toBe(0)
    }
  })
  test('keep their value and its encoding', () => {
    const reader = decoder()
    reader.push(encodeFrame('ack', ack))
    expect(reader.next()).toEqual({ kind: 'ack', value: ack, ssz: encode('ack', ack) })
  })
  test('of types 0x60 to 0x7f are skipped', () => {
    const reader = decoder()
    reader.push(concat(Uint8Array.of(3, 0x60, 1, 2), Uint8Array.of(1, 0x7f), encodeFrame('ack', ack)))
    expect(reader.next()?.kind).toBe('ack')
  })
  test.each([
    ['an unknown type', [2, 0x23, 0], 'WIRE_MALFORMED'],
    ['a type below the skipped ones', [2, 0x5f, 0], 'WIRE_MALFORMED'],
    ['a type above the skipped ones', [3, 0x80, 1, 0], 'WIRE_MALFORMED'],
    ['length 0', [0, 0x20], 'WIRE_MALFORMED'],
    ['a prefix that is not minimal', [0x88, 0x00, 0x20], 'WIRE_MALFORMED'],
    ['a prefix of five bytes', [0x80, 0x80, 0x80, 0x80, 0x01], 'WIRE_MALFORMED'],
    ['a kind that has no place here', [2, 0x01, 0], 'WIRE_MALFORMED'],
    ['a claim of 2^28 - 1 bytes', [0xff, 0xff, 0xff, 0x7f, 0x21], 'WIRE_TOO_LARGE'],
    ['a container cut short', [3, 0x20, 0, 0], 'WIRE_MALFORMED'],
  ])('with %s are refused', (_name, bytes, code) => {
    const reader = decoder()
    reader.push(Uint8Array.from(bytes))
    expect(() => reader.next()).toThrow(expect.objectContaining({ code }))
  })
  test('are taken at their cap and refused one byte above it', () => {
    const frame = frameOf('ack', encode('ack', ack))
    const at = new FrameDecoder(() => 8)
    at.push(frame)
    expect(at.next()?.kind).toBe('ack')
    const below = new FrameDecoder(() => 7)
    below.push(frame)
    expect(() => below.next()).toThrow(expect.objectContaining({ code: 'WIRE_TOO_LARGE' }))
  })
  test('a large body keeps a minimal prefix', () => {
    const frame = encodeFrame('chunk', { index: 0, data: fill(1, 65_536) })
    expect(frame).toHaveLength(3 + 1 + 4 + 4 + 65_536)
    const reader = decoder(70_000)
    reader.push(frame)
    expect(reader.next()?.kind).toBe('chunk')
  })
})
