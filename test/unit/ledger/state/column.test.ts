import { ByteListType, ByteVectorType, ListBasicType, ListCompositeType, UintBigintType, UintNumberType } from '@chainsafe/ssz'
import { describe, expect, test } from 'vitest'
import { Column, columnCodecs } from '../../../../src/ledger/state/column.ts'
import { Rows } from '../../../../src/ledger/state/rows.ts'
import { rng, testSeed } from '../../../support/random.ts'

const random = rng(testSeed())
const bytesOf = (part: { byteLength: number; writeTo(out: Uint8Array, offset: number): void }): Uint8Array => {
  const out = new Uint8Array(part.byteLength)
  part.writeTo(out, 0)
  return out
}

describe('columns', () => {
  test('root and bytes are those of the SSZ list, at any length, over all types', () => {
    for (const length of [0, 1, 3, 15, 16, 17, 63, 64, 65, 256, 257, 1_025, 4_096]) {
      const numbers = Array.from({ length }, () => random.int(256))
      const small = new ListBasicType(new UintNumberType(1), 4_096)
      const u8 = new Column(columnCodecs.u8, 4_096)
      for (const value of numbers) u8.push(value)
      expect(u8.root()).toEqual(small.hashTreeRoot(numbers))
      expect(bytesOf(u8)).toEqual(small.serialize(numbers))
      const amounts = numbers.map((value) => BigInt(value) << 56n)
      const big = new ListBasicType(new UintBigintType(8), 2 ** 31)
      const u64 = new Column(columnCodecs.u64, 2 ** 31)
      for (const value of amounts) u64.push(value)
      expect(u64.root()).toEqual(big.hashTreeRoot(amounts))
      expect(bytesOf(u64)).toEqual(big.serialize(amounts))
      const heights = numbers.map((value) => value * 2 ** 40 + value)
      const count = new Column(columnCodecs.count, 4_096)
      for (const value of heights) count.push(value)
      expect(count.root()).toEqual(new ListBasicType(new UintNumberType(8), 4_096).hashTreeRoot(heights))
      expect(heights.map((_, i) => count.get(i))).toEqual(heights)
    }
    const keys = Array.from({ length: 300 }, () => random.bytes(32))
    const b32 = new Column(columnCodecs.b32, 2 ** 31)
    for (const value of keys) b32.push(value)
    expect(b32.root()).toEqual(new ListCompositeType(new ByteVectorType(32), 2 ** 31).hashTreeRoot(keys))
    expect(Column.decode(columnCodecs.b32, 2 ** 31, bytesOf(b32)).root()).toEqual(b32.root())
  })
  test('random writes on forks leave the others as they were', () => {
    const type = new ListBasicType(new UintNumberType(4), 100_000)
    const versions = [{ column: new Column(columnCodecs.u32, 100_000), model: [] as number[] }]
    for (let step = 0; step < 400; step++) {
      const from = versions[random.int(versions.length)]
      if (!from) continue
      const fork = { column: from.column.fork(), model: [...from.model] }
      for (let writes = random.int(6); writes > 0; writes--) {
        // Both sides of a fork write: neither may show at the other.
        const target = random.int(2) === 0 ? from : fork
        const [value, kind] = [random.int(2 ** 32), random.int(5)]
        if (kind === 0 && target.model.length > 0) {
          target.model.pop()
          target.column.resize(target.model.length)
        } else if (kind <= 2 || target.model.length === 0) {
          const index = random.int(target.model.length + 300)
          while (target.model.length <= index) target.model.push(0)
          target.model[index] = value
          target.column.put(index, value)
        } else {
          const index = random.int(target.model.length)
          target.model[index] = value
          target.column.set(index, value)
        }
      }
      versions[random.int(12)] = fork
      const kept = versions.filter((version) => version !== undefined)
      versions.splice(0, versions.length, ...kept)
    }
    for (const { column, model } of versions) {
      expect(column.root(), `seed ${testSeed()}`).toEqual(type.hashTreeRoot(model))
      expect(model.map((_, i) => column.get(i))).toEqual(model)
    }
  })
  test('nothing that does not fit is written', () => {
    const wrong: [Column<never>, unknown[]][] = [
      [new Column(columnCodecs.u8, 4_096) as Column<never>, [-1, 256, 0.5, Number.NaN]],
      [new Column(columnCodecs.u16, 4_096) as Column<never>, [-1, 65_536]],
      [new Column(columnCodecs.u32, 4_096) as Column<never>, [-1, 2 ** 32]],
      [new Column(columnCodecs.count, 4_096) as Column<never>, [-1, 2 ** 53]],
      [new Column(columnCodecs.u64, 4_096) as Column<never>, [-1n, 2n ** 64n]],
      [new Column(columnCodecs.b32, 4_096) as Column<never>, [new Uint8Array(31)]],
    ]
    for (const [column, values] of wrong)
      for (const value of values)
        expect(() => column.put(0, value as never), String(value)).toThrow(expect.objectContaining({ code: 'LEDGER_INVARIANT' }))
    const full = new Column(columnCodecs.u8, 4_096)
    full.resize(4_096)
    expect(() => full.push(1)).toThrow(expect.objectContaining({ code: 'LEDGER_INVARIANT' }))
    expect(() => full.set(4_096, 1)).toThrow(expect.objectContaining({ code: 'LEDGER_INVARIANT' }))
  })
})

describe('rows', () => {
  test('root and bytes are those of the SSZ list, and forks are apart', () => {
    const type = new ListCompositeType(new ByteListType(1_000), 4_096)
    const rows = new Rows(1_000, 4_096)
    const model: Uint8Array[] = []
    for (let i = 0; i < 70; i++) {
      rows.grow()
      model.push(new Uint8Array(0))
    }
    for (let i = 0; i < 200; i++) {
      const [index, row] = [random.int(70), random.bytes(random.int(1_001))]
      rows.set(index, row)
      model[index] = row
    }
    const fork = rows.fork()
    fork.set(3, new Uint8Array([1]))
    fork.grow()
    expect(rows.root()).toEqual(type.hashTreeRoot(model))
    expect(bytesOf(rows)).toEqual(type.serialize(model))
    expect(Rows.decode(1_000, 4_096, bytesOf(rows)).root()).toEqual(rows.root())
    expect(fork.root()).toEqual(type.hashTreeRoot([...model.with(3, new Uint8Array([1])), new Uint8Array(0)]))
  })
  test('a row over its limit is refused, and so are wrong offsets', () => {
    const rows = new Rows(10, 4)
    rows.grow()
    expect(() => rows.set(0, new Uint8Array(11))).toThrow(expect.objectContaining({ code: 'LEDGER_INVARIANT' }))
    expect(() => rows.set(1, new Uint8Array(1))).toThrow(expect.objectContaining({ code: 'LEDGER_INVARIANT' }))
    for (const bytes of [
      [1],
      [0, 0, 0, 0],
      [8, 0, 0, 0],
      [4, 0, 0, 0, ...Array.from({ length: 11 }, () => 1)],
      [8, 0, 0, 0, 7, 0, 0, 0],
      [8, 0, 0, 0, 9, 0, 0, 0],
    ])
      expect(() => Rows.decode(10, 4, Uint8Array.from(bytes)), String(bytes)).toThrow(expect.objectContaining({ code: 'LEDGER_STATE' }))
  })
})
