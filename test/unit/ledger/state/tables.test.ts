import { describe, expect, test } from 'vitest'
import { emptyPart, stakeShape } from '../../../../src/ledger/state/layout.ts'
import type { StakeParts } from '../../../../src/ledger/state/layout.ts'
import { Lookup } from '../../../../src/ledger/state/lookup.ts'
import { StakeTable } from '../../../../src/ledger/state/stake-table.ts'
import { rng, testSeed } from '../../../support/random.ts'

const random = rng(testSeed())

describe('the lookup', () => {
  test('finds what was added and not removed, on every fork', () => {
    // Few distinct bytes, so that long common prefixes and splits deep down happen.
    const keys = Array.from({ length: 200 }, (_, i) => Uint8Array.from({ length: 32 }, (_, at) => (at < 28 ? random.int(2) : i + at)))
    const keyOf = (row: number): Uint8Array => keys[row] ?? new Uint8Array(32)
    let lookup = new Lookup()
    let present = new Set<number>()
    const kept: { lookup: Lookup; present: Set<number> }[] = []
    for (let step = 0; step < 3_000; step++) {
      const row = random.int(keys.length)
      if (present.has(row)) {
        lookup.remove(keyOf(row))
        present.delete(row)
      } else {
        lookup.add(keyOf(row), row, keyOf)
        present.add(row)
      }
      if (step % 300 === 0) {
        kept.push({ lookup, present })
        lookup = lookup.fork()
        present = new Set(present)
      }
    }
    for (const version of [...kept, { lookup, present }])
      for (const row of keys.keys()) {
        const found = version.lookup.candidate(keyOf(row))
        expect(found === row, `seed ${testSeed()}, row ${row}`).toBe(version.present.has(row))
      }
  })
})

describe('the stake table', () => {
  const parts = (): StakeParts =>
    Object.fromEntries(Object.entries(stakeShape).map(([name, shape]) => [name, emptyPart(shape)])) as unknown as StakeParts

  test('is a map of pairs, whatever the order of writes, and can be read from its rows again', () => {
    const table = StakeTable.of(parts())
    const model = new Map<string, bigint>()
    for (let step = 0; step < 4_000; step++) {
      const [hotkey, coldkey, amount] = [random.int(12), random.int(12), BigInt(random.int(4))]
      table.set(hotkey, coldkey, amount)
      if (amount > 0n) model.set(`${hotkey}/${coldkey}`, amount)
      else model.delete(`${hotkey}/${coldkey}`)
    }
    const again = StakeTable.of(table.fork().parts)
    for (const each of [table, again]) {
      expect(each.parts.amount.length).toBe(model.size)
      for (let row = 0; row < 12; row++) {
        const entries = [...model].map(([pair, amount]) => ({
          hotkey: Number(pair.split('/')[0]),
          coldkey: Number(pair.split('/')[1]),
          amount,
        }))
        const byColdkey = entries.filter(({ hotkey }) => hotkey === row).sort((a, b) => a.coldkey - b.coldkey)
        const byHotkey = entries.filter(({ coldkey }) => coldkey === row).sort((a, b) => a.hotkey - b.hotkey)
        expect(each.ofHotkey(row), `seed ${testSeed()}`).toEqual(byColdkey)
        expect(each.ofColdkey(row)).toEqual(byHotkey)
        expect(each.hasColdkey(row)).toBe(byHotkey.length > 0)
        for (let other = 0; other < 12; other++) expect(each.get(row, other)).toBe(model.get(`${row}/${other}`) ?? 0n)
      }
    }
  })
  test('a fork is apart', () => {
    const table = StakeTable.of(parts())
    for (let i = 0; i < 40; i++) table.set(i % 4, i, 5n)
    const fork = table.fork()
    for (let i = 0; i < 40; i += 2) fork.set(i % 4, i, 0n)
    table.set(1, 1, 9n)
    expect(table.ofHotkey(0)).toHaveLength(10)
    expect(fork.ofHotkey(0)).toHaveLength(0)
    expect([fork.get(1, 1), table.get(1, 1)]).toEqual([5n, 9n])
  })
  test('rows with a pair twice or nothing staked are refused', () => {
    for (const rows of [
      [[1, 2, 0n]],
      [
        [1, 2, 3n],
        [1, 2, 4n],
      ],
    ] as [number, number, bigint][][]) {
      const columns = parts()
      for (const [hotkey, coldkey, amount] of rows) {
        columns.hotkey.push(hotkey)
        columns.coldkey.push(coldkey)
        columns.amount.push(amount)
      }
      expect(() => StakeTable.of(columns)).toThrow(expect.objectContaining({ code: 'LEDGER_STATE' }))
    }
  })
})
