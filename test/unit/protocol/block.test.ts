import { ByteVectorType, ListCompositeType } from '@chainsafe/ssz'
import { describe, expect, test } from 'vitest'
import {
  blockHash,
  decodeBlock,
  decodeHeader,
  encodeBlock,
  encodeHeader,
  headSigningBytes,
  transactionsRoot,
} from '../../../src/protocol/block.ts'
import type { Block } from '../../../src/protocol/block.ts'
import { concat, utf8 } from '../../../src/protocol/bytes.ts'
import { sha256 } from '../../../src/protocol/hash.ts'
import { rng, testSeed } from '../../support/random.ts'

const random = rng(testSeed())
function block(transactions: Uint8Array[]): Block {
  const header = {
    genesis: random.bytes(32),
    height: 7n,
    parent: random.bytes(32),
    time: 1_700_000_000_000n,
    transactionsRoot: transactionsRoot(transactions),
    stateRoot: random.bytes(32),
  }
  return { header, proof: random.bytes(64), transactions }
}
const malformed = expect.objectContaining({ code: 'LEDGER_MALFORMED' })

describe('blocks', () => {
  test('survive encoding', () => {
    for (const transactions of [[], [random.bytes(100)], [random.bytes(1), random.bytes(65_536), random.bytes(0)]]) {
      const value = block(transactions)
      expect(decodeBlock(encodeBlock(value))).toEqual(value)
      expect(decodeHeader(encodeHeader(value.header))).toEqual(value.header)
    }
  })
  test('the hash is that of the header alone, in 144 bytes', () => {
    const { header } = block([])
    expect(encodeHeader(header)).toHaveLength(144)
    expect(blockHash(header)).toEqual(sha256(encodeHeader(header)))
    expect(headSigningBytes(blockHash(header))).toEqual(concat(utf8('taumesh:head:1'), new Uint8Array(1), blockHash(header)))
  })
  test('the transactions root is that of an SSZ list of their hashes', () => {
    const transactions = [random.bytes(10), random.bytes(20), random.bytes(30)]
    const list = new ListCompositeType(new ByteVectorType(32), 8_192)
    expect(transactionsRoot(transactions)).toEqual(list.hashTreeRoot(transactions.map(sha256)))
    expect(transactionsRoot([...transactions].reverse())).not.toEqual(transactionsRoot(transactions))
  })
  test('refused: other transactions, trailing bytes, too much', () => {
    const value = block([random.bytes(10)])
    expect(() => decodeBlock(encodeBlock({ ...value, transactions: [random.bytes(10)] }))).toThrow(malformed)
    expect(() => decodeBlock(concat(encodeBlock(value), new Uint8Array(1)))).toThrow(malformed)
    expect(() => decodeBlock(encodeBlock(value).subarray(1))).toThrow(malformed)
    expect(() => block(Array.from({ length: 17 }, () => new Uint8Array(65_536)))).toThrow(malformed)
    expect(() => block(Array.from({ length: 8_193 }, () => new Uint8Array(1)))).toThrow(malformed)
    expect(() => encodeBlock({ ...value, transactions: [new Uint8Array(65_537)] })).toThrow(malformed)
    expect(() => encodeHeader({ ...value.header, height: 2n ** 64n })).toThrow(malformed)
  })
})
