import { describe, expect, test } from 'vitest'
import { toHex } from '../../../src/protocol/bytes.ts'
import { kdf } from '../../../src/protocol/hash.ts'
import {
  decodeEvidenceRequest,
  decodeEvidenceSummary,
  decodeRecord,
  encodeEvidenceRequest,
  encodeEvidenceSummary,
  encodeRecord,
  evidenceRoot,
  recordKinds,
  recordLeaf,
  RECORD_BYTES_MAX,
} from '../../../src/protocol/evidence.ts'
import type { EvidenceRecord } from '../../../src/protocol/evidence.ts'

const fill = (length: number, value: number): Uint8Array => new Uint8Array(length).fill(value)
const records: EvidenceRecord[] = [
  {
    kind: 'start',
    value: { epoch: 7n, netuid: 1, params: fill(32, 1), stats: fill(32, 2), seedCommit: fill(32, 3), nextSeedCommit: fill(32, 4) },
  },
  {
    kind: 'span',
    value: {
      pass: 5,
      queryId: fill(16, 1),
      source: 0,
      text: fill(256, 65),
      swaps: [{ first: 40, chosen: 3, words: Array.from({ length: 16 }, (_, i) => fill(4, 70 + i)) }],
      probes: [{ from: 10, to: 90, kind: 2, secret: fill(16, 9) }],
    },
  },
  {
    kind: 'game',
    value: { pass: 5, game: 0, peers: [{ uid: 3, hotkey: fill(32, 8), tier: 0, cluster: 3, leader: 3, d: 65_535, rho: 0 }] },
  },
  {
    kind: 'answer',
    value: {
      pass: 5,
      uid: 3,
      queryId: fill(16, 1),
      filler: fill(32, 66),
      status: 2,
      claimHead: fill(94, 1),
      claimSignature: fill(64, 2),
      revealHead: fill(0, 0),
      revealSignature: fill(0, 0),
      commit: fill(48, 3),
      reveal: fill(2_942, 4),
      score: 0,
    },
  },
  { kind: 'close', value: { pass: 5, height: 123_456, blockHash: fill(32, 6) } },
  {
    kind: 'score',
    value: {
      pass: 5,
      game: 0,
      phi: [
        { uid: 3, phi: -1n },
        { uid: 4, phi: 2n ** 40n },
      ],
    },
  },
  { kind: 'weights', value: { uids: Uint16Array.of(3, 9), values: Uint16Array.of(65_535, 1), stats: fill(32, 5) } },
]

describe('records', () => {
  test('every kind survives its encoding, negative phi too, and its first byte is its number', () => {
    expect(records.map(({ kind }) => kind)).toEqual(recordKinds)
    for (const [number, record] of records.entries()) {
      const bytes = encodeRecord(record)
      expect(bytes[0]).toBe(number)
      expect(decodeRecord(bytes)).toEqual(record)
    }
  })
  test('refuses unknown kinds, other lengths, unknown statuses and what is over its limit', () => {
    const malformed = expect.objectContaining({ code: 'MESSAGE_MALFORMED' })
    expect(() => decodeRecord(fill(0, 0))).toThrow(malformed)
    expect(() => decodeRecord(Uint8Array.of(7))).toThrow(malformed)
    // An answer ends in a list of bytes, of which one less is another legal answer.
    for (const record of records.filter(({ kind }) => kind !== 'answer')) {
      const bytes = encodeRecord(record)
      expect(() => decodeRecord(bytes.subarray(0, bytes.length - 1))).toThrow(malformed)
    }
    const start = encodeRecord(records[0] as EvidenceRecord)
    expect(() => decodeRecord(new Uint8Array([...start, 0]))).toThrow(malformed)
    const answer = structuredClone(records[3]) as Extract<EvidenceRecord, { kind: 'answer' }>
    answer.value.status = 4
    expect(() => decodeRecord(encodeRecord(answer))).toThrow(malformed)
    expect(() => decodeRecord(fill(RECORD_BYTES_MAX + 1, 1))).toThrow(malformed)
    const peers = Array.from({ length: 17 }, (_, uid) => ({ uid, hotkey: fill(32, 8), tier: 0, cluster: 0, leader: 0, d: 0, rho: 0 }))
    expect(() => decodeRecord(encodeRecord({ kind: 'game', value: { pass: 1, game: 0, peers } }))).toThrow()
  })
  test('the largest answer fits its record', () => {
    const answer = structuredClone(records[3]) as Extract<EvidenceRecord, { kind: 'answer' }>
    answer.value.reveal = fill(344 + 2 * 4_095 + 16 * (4 + 2 + 256 + 4 + 12 * 32), 1)
    expect(encodeRecord(answer).length).toBeLessThan(RECORD_BYTES_MAX)
  })
})

describe('the evidence root', () => {
  const leaves = records.map((record, index) => recordLeaf(index, encodeRecord(record)))
  const node = (left: Uint8Array, right: Uint8Array): Uint8Array => kdf('node', new Uint8Array([...left, ...right]))
  test('is the tree padded with zero leaves, computed by hand for five', () => {
    const [a, b, c, d, e] = leaves as [Uint8Array, Uint8Array, Uint8Array, Uint8Array, Uint8Array]
    const zero = fill(32, 0)
    const expected = node(node(node(a, b), node(c, d)), node(node(e, zero), node(zero, zero)))
    expect(toHex(evidenceRoot(leaves.slice(0, 5)))).toBe(toHex(expected))
    expect(toHex(evidenceRoot([a]))).toBe(toHex(a))
  })
  test('changes with a record, its place and its count', () => {
    const [first] = records as [EvidenceRecord]
    const swapped = [leaves[1], leaves[0], ...leaves.slice(2)] as Uint8Array[]
    const roots = [leaves, swapped, leaves.slice(1), [...leaves, recordLeaf(7, encodeRecord(first))]].map((of) => toHex(evidenceRoot(of)))
    expect(new Set(roots).size).toBe(4)
    expect(toHex(recordLeaf(0, encodeRecord(first)))).not.toBe(toHex(recordLeaf(1, encodeRecord(first))))
  })
})

test('request and summary of data.evidence survive their encoding', () => {
  const request = { epoch: 12n, first: 100, count: 50 }
  expect(decodeEvidenceRequest(encodeEvidenceRequest(request))).toEqual(request)
  const summary = { total: 500, sent: 50, seed: fill(32, 1), root: fill(32, 2), statistics: fill(300, 3) }
  expect(decodeEvidenceSummary(encodeEvidenceSummary(summary))).toEqual(summary)
})
