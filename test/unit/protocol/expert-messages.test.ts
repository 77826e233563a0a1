import { describe, expect, test } from 'vitest'
import {
  decodeChallenge,
  decodeCommit,
  decodeDescription,
  decodePredictRequest,
  decodeQuery,
  decodeReveal,
  decodeServeRequest,
  encodeChallenge,
  encodeCommit,
  encodeDescription,
  encodePredictRequest,
  encodeQuery,
  encodeReveal,
  encodeServeRequest,
  expertRules,
  pathDepth,
} from '../../../src/protocol/expert-messages.ts'
import type { Reveal } from '../../../src/protocol/expert-messages.ts'

const fill = (length: number, value: number): Uint8Array => new Uint8Array(length).fill(value)
const malformed = expect.objectContaining({ code: 'MESSAGE_MALFORMED' })
const query = { queryId: fill(16, 1), length: 256, filler: fill(32, 2), span: fill(255, 3) }
const positions = [40, 7, 200, 254]
const reveal = (): Reveal => ({
  queryId: fill(16, 1),
  root: fill(32, 4),
  salt: fill(32, 5),
  lastLeaf: fill(256, 6),
  claims: new Uint16Array(255).fill(777),
  openings: positions.map((position) => ({ position, leaf: fill(256, 8), path: Array.from({ length: 8 }, () => fill(32, 9)) })),
})

describe('bodies have the sizes of mixture.md 2.2 at 256 positions', () => {
  test('query, commit, challenge, reveal', () => {
    expect(encodeQuery(query).length).toBe(313)
    expect(encodeCommit({ queryId: fill(16, 1), commit: fill(32, 1) }).length).toBe(48)
    expect(encodeChallenge({ queryId: fill(16, 1), height: 9n, positions }).length).toBe(36)
    expect(encodeReveal(reveal()).length).toBe(2942)
  })
  test('caps of whole answers follow from the types', () => {
    expect(expertRules['expert.predict'].answerBytesMax).toBe(540_930)
    expect(expertRules['expert.serve'].answerBytesMax).toBe(8 + 64 + 8450)
    expect(expertRules['expert.claim'].requestBytesMax).toBe(26 + 64 + 4095)
  })
})

describe('what was encoded decodes to the same value', () => {
  test('query, commit, challenge, reveal, description, serve, predict', () => {
    expect(decodeQuery(encodeQuery(query))).toEqual(query)
    const commit = { queryId: fill(16, 1), commit: fill(32, 1) }
    expect(decodeCommit(encodeCommit(commit))).toEqual(commit)
    const challenge = { queryId: fill(16, 1), height: 9n, positions }
    expect(decodeChallenge(encodeChallenge(challenge))).toEqual(challenge)
    expect(decodeReveal(encodeReveal(reveal()), { length: 256, positions })).toEqual(reveal())
    const description = { root: fill(32, 1), class: 4, modalities: 1, maxLength: 256, rate: 60_000, uplink: 1_000_000 }
    expect(decodeDescription(encodeDescription(description))).toEqual(description)
    const serve = { stream: 5n, position: 3, append: fill(9, 65), want: 1, draft: 16 }
    expect(decodeServeRequest(encodeServeRequest(serve))).toEqual(serve)
    const predict = { context: fill(64, 66), from: 32, topP: 62_258, nMax: 32 }
    expect(decodePredictRequest(encodePredictRequest(predict))).toEqual(predict)
  })
})

describe('refuses', () => {
  test('one byte more or less than a message has', () => {
    const bytes = encodeQuery(query)
    expect(() => decodeQuery(bytes.subarray(0, 312))).toThrow(malformed)
    expect(() => decodeQuery(new Uint8Array([...bytes, 0]))).toThrow(malformed)
    expect(() => decodeCommit(fill(47, 0))).toThrow(malformed)
    expect(() => decodeCommit(fill(49, 0))).toThrow(malformed)
  })
  test('a message over its cap before reading it', () => {
    expect(() => decodeQuery(fill(expertRules['expert.claim'].requestBytesMax + 1, 0))).toThrow(malformed)
  })
  test('every change of an offset, which would be another form of the same or another value', () => {
    const bytes = encodeQuery(query)
    for (const at of [18, 19, 20, 21, 22, 23, 24, 25]) {
      const changed = bytes.slice()
      changed[at] = (changed[at] as number) ^ 1
      let decoded = null
      try {
        decoded = decodeQuery(changed)
      } catch (error) {
        expect(error).toEqual(malformed)
      }
      if (decoded !== null) expect(encodeQuery(decoded)).toEqual(changed)
    }
  })
  test('a span that is not one byte shorter than its length, and a length that no market has', () => {
    expect(() => decodeQuery(encodeQuery({ ...query, span: fill(254, 3) }))).toThrow(malformed)
    expect(() => decodeQuery(encodeQuery({ ...query, length: 200, span: fill(199, 3) }))).toThrow(malformed)
  })
  test('a reveal with another count of claims, openings, path nodes or in another order', () => {
    const asked = { length: 256, positions }
    expect(() => decodeReveal(encodeReveal({ ...reveal(), claims: new Uint16Array(254) }), asked)).toThrow(malformed)
    expect(() => decodeReveal(encodeReveal({ ...reveal(), openings: reveal().openings.slice(1) }), asked)).toThrow(malformed)
    expect(() => decodeReveal(encodeReveal({ ...reveal(), openings: reveal().openings.toReversed() }), asked)).toThrow(malformed)
    const short = reveal()
    short.openings[0]?.path.pop()
    expect(() => decodeReveal(encodeReveal(short), asked)).toThrow(malformed)
  })
  test('positions that repeat, or none', () => {
    expect(() => decodeChallenge(encodeChallenge({ queryId: fill(16, 1), height: 9n, positions: [3, 3] }))).toThrow(malformed)
    expect(() => decodeChallenge(encodeChallenge({ queryId: fill(16, 1), height: 9n, positions: [] }))).toThrow(malformed)
  })
  test('more than 64 positions of one SERVE call, none, an unknown class, a first position behind the context', () => {
    const serve = { stream: 5n, position: 3, append: fill(9, 65), want: 1, draft: 16 }
    expect(() => decodeServeRequest(encodeServeRequest({ ...serve, want: 0 }))).toThrow(malformed)
    expect(() => decodeServeRequest(encodeServeRequest({ ...serve, want: 64, draft: 1 }))).toThrow(malformed)
    const description = { root: fill(32, 1), class: 5, modalities: 1, maxLength: 256, rate: 1, uplink: 1 }
    expect(() => decodeDescription(encodeDescription(description))).toThrow(malformed)
    expect(() => decodePredictRequest(encodePredictRequest({ context: fill(4, 0), from: 5, topP: 1, nMax: 1 }))).toThrow(malformed)
  })
})

test('the tree over T-1 leaves is as deep as its padding says', () => {
  expect([64, 256, 1024, 4096].map(pathDepth)).toEqual([6, 8, 10, 12])
})
