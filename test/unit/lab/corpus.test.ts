/** The corpus rules of mixture.md 6.4, on made-up documents and on the real packages. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { prepareCorpus, readCorpus } from '../../../src/lab/corpus/prepare.ts'
import { domains } from '../../../src/lab/corpus/sources.ts'
import { split, splitOf } from '../../../src/lab/corpus/split.ts'
import { windowSet } from '../../../src/lab/corpus/windows.ts'

const folder = mkdtempSync(join(tmpdir(), 'taumesh-corpus-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const document = (key: string, text: string): { key: string; text: () => string } => ({ key, text: () => text })
const letters = (seed: number, length: number): string => {
  let state = seed
  return Array.from({ length }, () => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0
    return String.fromCharCode(97 + ((state >>> 16) % 26))
  }).join('')
}
const keyIn = (name: string): string => {
  for (let i = 0; ; i++) if (splitOf(`key ${i}`) === name) return `key ${i}`
}

test('one key in twelve is test, one validation, and the split depends on the key alone', () => {
  const counts = { train: 0, validation: 0, test: 0 }
  for (let i = 0; i < 12_000; i++) counts[splitOf(`document ${i}`)]++
  expect(counts.test).toBeGreaterThan(850)
  expect(counts.test).toBeLessThan(1150)
  expect(counts.validation).toBeGreaterThan(850)
  expect(counts.validation).toBeLessThan(1150)
})

test('pieces are at most 32 KiB, together the whole document, and end at a line where they can', () => {
  const text = Array.from({ length: 900 }, (_, i) => letters(i + 1, 80)).join('\n')
  const { train } = split([document(keyIn('train'), text)])
  expect(train.length).toBe(3)
  expect(train.map(({ bytes }) => Buffer.from(bytes).toString()).join('')).toBe(text)
  for (const { bytes } of train.slice(0, -1)) expect(bytes.at(-1)).toBe(10)
  expect(Math.max(...train.map(({ bytes }) => bytes.length))).toBeLessThanOrEqual(32 * 1024)
})

test('an exact duplicate goes, and so does a held-out piece that training contains for more than a quarter', () => {
  const known = letters(1, 2_000)
  const fresh = letters(2, 2_000)
  const third = known.slice(0, 700) + letters(3, 1_300)
  const few = known.slice(0, 300) + letters(4, 1_700)
  const held = keyIn('test')
  const splits = split([
    document(keyIn('train'), known),
    document(keyIn('train'), known),
    ...[fresh, third, few, known].map((text) => document(held, text)),
  ])
  expect(splits.train.length).toBe(1)
  expect(splits.test.map(({ bytes }) => Buffer.from(bytes).toString())).toEqual([fresh, few])
})

test('the window set finds what it holds and nothing else', () => {
  const text = Buffer.from(letters(9, 5_000))
  const known = windowSet([text])
  expect(known.overlap(text.subarray(1_000, 1_500))).toBe(1)
  expect(known.overlap(Buffer.from(letters(10, 5_000)))).toBe(0)
  expect(known.overlap(text.subarray(0, 63)), 'shorter than a window').toBe(0)
})

test('the real corpus has eight domains of the sizes that the design names, and the same root every time', async () => {
  const expert = { fallbackArtefact: async (texts: readonly Uint8Array[]): Promise<Uint8Array> => Uint8Array.of(texts.length) }
  const made = await prepareCorpus({ dataFolder: folder }, { expert })
  expect(made.domains.map(({ name }) => name)).toEqual(domains.map(({ name }) => name))
  for (const { name, bytes } of made.domains) {
    expect(bytes.train, name).toBeGreaterThan(500_000)
    expect(bytes.train, name).toBeLessThanOrEqual(2_010_000)
    expect(bytes.test, name).toBeGreaterThan(20_000)
    expect(bytes.validation, name).toBeGreaterThan(20_000)
    expect(readFileSync(join(folder, 'corpus', name, 'test')).length).toBe(bytes.test)
  }
  expect(readCorpus(folder)).toEqual(made)
  const second = mkdtempSync(join(tmpdir(), 'taumesh-corpus-'))
  try {
    expect((await prepareCorpus({ dataFolder: second }, { expert })).root).toBe(made.root)
  } finally {
    rmSync(second, { recursive: true, force: true })
  }
})

test('a damaged manifest does not count as a corpus', () => {
  writeFileSync(join(folder, 'corpus', 'manifest.json'), '{"summary":')
  expect(readCorpus(folder)).toBeNull()
})
