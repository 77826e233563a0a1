import { expect, test } from 'vitest'
import { label, PrfStream } from '../../../src/protocol/prf.ts'
import { deviation, testedPosition } from '../../../src/scoring/causality.ts'
import { swapped } from '../../../src/scoring/swaps.ts'
import { wordPool, words } from '../../../src/scoring/words.ts'

const bytes = (text: string): Uint8Array => Buffer.from(text)
const stream = (name: string): PrfStream => new PrfStream(new Uint8Array(32).fill(8), label(name))
const names = ['Ahab', 'Queequeg', 'Starbuck', 'Stubb', 'Flask', 'Peleg', 'Bildad', 'Elijah', 'Pip', 'Fedallah', 'Tashtego', 'Daggoo']
const more = ['Ishmael', 'Mapple', 'Coffin', 'Boomer', 'Gardiner', 'Perth', 'Dough', 'Radney', 'Steelkilt', 'Macey', 'Gabriel']
const pool = wordPool(bytes([...names, ...more].map((name) => `said ${name} then. `).join('')))

test('finds names behind small letters, numbers, years and identifiers, and no half words', () => {
  const found = words(bytes(' The old man, Ahab, saw 123 ships in 1851; getName and max_size. Then Ahabé 7 left'))
  expect(found.map(({ text, type }) => `${text}:${type}`)).toEqual([
    'Ahab:name',
    '123:number',
    '1851:year',
    'getName:identifier',
    'max_size:identifier',
  ])
})
test('every occurrence is replaced by the same alternative, drawn from sixteen that are not the original', () => {
  const raw = bytes(`and far away in the grey morning old Ahab, stood. Then spoke Ahab to the crew: ${'so it went on and on. '.repeat(12)}`)
  const seen = new Set<number>()
  for (let i = 0; i < 60; i++) {
    const { text, swaps } = swapped(raw, 256, pool, stream(`d${i}`), stream(`c${i}`))
    expect(text.length).toBe(256)
    expect(swaps.length).toBe(1)
    const [swap] = swaps
    if (swap === undefined) continue
    const all = swap.words.map((word) => Buffer.from(word).toString())
    expect(new Set(all).size).toBe(16)
    expect(all).not.toContain('Ahab,')
    for (const word of all) expect(word.endsWith(',')).toBe(true)
    const chosen = (all[swap.chosen] as string).slice(0, -1)
    const result = Buffer.from(text).toString()
    expect(result).not.toContain('Ahab')
    expect(result.indexOf(`${chosen},`)).toBe(swap.first)
    expect(result).toContain(`spoke ${chosen} to the crew`)
    seen.add(swap.chosen)
  }
  // 60 draws of 16: about 15.7 are seen
  expect(seen.size).toBeGreaterThan(11)
})
test('no alternative is a prefix of another', () => {
  const raw = bytes(`and far away in the grey morning old Ahab, stood; in 1851 he had 4711 men. ${'so it went on and on. '.repeat(14)}`)
  for (let i = 0; i < 40; i++) {
    for (const swap of swapped(raw, 256, pool, stream(`e${i}`), stream(`f${i}`)).swaps) {
      const all = swap.words.map((word) => Buffer.from(word).toString())
      for (const a of all) for (const b of all) expect(a !== b && b.startsWith(a)).toBe(false)
    }
  }
})
test('at most two words, and their places are those of the final text', () => {
  const raw = bytes(
    `and far away in the grey morning old Ahab, stood; in 1851 he had 4711 men, said Pip. ${'so it went on and on. '.repeat(14)}`,
  )
  let two = 0
  for (let i = 0; i < 40; i++) {
    const { text, swaps } = swapped(raw, 256, pool, stream(`g${i}`), stream(`h${i}`))
    if (swaps.length === 2) two++
    for (const { first, chosen, words: all } of swaps) {
      const word = all[chosen] as Uint8Array
      expect([...text.subarray(first, first + word.length)]).toEqual([...word])
    }
  }
  expect(two).toBe(40)
})
test('a word that also stands inside another is left alone', () => {
  const raw = bytes(`and far away in the grey morning old Ahab, stood by the Ahabs. ${'so it went on and on. '.repeat(14)}`)
  for (let i = 0; i < 20; i++) {
    const { text } = swapped(raw, 256, pool, stream(`i${i}`), stream(`j${i}`))
    expect(Buffer.from(text).toString()).toContain('old Ahab, stood by the ')
  }
})
test('a text without such words stays as it is', () => {
  const raw = bytes('so it went on and on. '.repeat(20))
  const { text, swaps } = swapped(raw, 256, pool, stream('k'), stream('l'))
  expect([swaps, [...text]]).toEqual([[], [...raw.subarray(0, 256)]])
})

const swap = { first: 10, chosen: 0, words: ['ab,', 'ac,', 'bb,', 'bc,'].map(bytes) }
const leaf = (entries: Record<string, number>): Float64Array => {
  const rest = (1 - Object.values(entries).reduce((sum, p) => sum + p, 0)) / 256
  const row = new Float64Array(256).fill(rest)
  for (const [byte, p] of Object.entries(entries)) row[byte.charCodeAt(0)] = p + rest
  return row
}

test('the tested byte is the first where the alternatives part', () => {
  expect(testedPosition(swap)).toBe(10)
  expect(testedPosition({ ...swap, words: ['xab,', 'xbc,'].map(bytes) })).toBe(11)
})
test('the deviation is that computed by hand', () => {
  // q: a 1/2, b 1/2; p(a) = 4 p(b). ln p(a) - mean = ln 4 / 2, V = (ln 4)^2 / 4, so the ratio is 1 for a and -1 for b.
  const row = leaf({ a: 0.4, b: 0.1 })
  const ratio = Math.log((row[97] as number) / (row[98] as number))
  expect(deviation(swap, row)).toBeCloseTo(ratio / 2 / Math.sqrt((ratio * ratio) / 4), 9)
  expect(deviation({ ...swap, chosen: 2 }, row)).toBeCloseTo(-1, 9)
})
test('a model that finds the alternatives alike says nothing', () => {
  expect(deviation(swap, leaf({ a: 0.2, b: 0.2 }))).toBeNull()
})
test('for a model that saw only the past the mean over all draws is 0, for one that peeks it is not', () => {
  const row = leaf({ a: 0.7, b: 0.02 })
  const draws = [0, 1, 2, 3].map((chosen) => deviation({ ...swap, chosen }, row) as number)
  expect(draws.reduce((sum, value) => sum + value, 0)).toBeCloseTo(0, 9)
  const peeking = [0, 1, 2, 3].map((chosen) => deviation({ ...swap, chosen }, chosen < 2 ? leaf({ a: 0.9 }) : leaf({ b: 0.9 })) as number)
  for (const value of peeking) expect(value).toBeCloseTo(1, 9)
})
