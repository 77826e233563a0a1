import { beforeEach, describe, expect, test } from 'vitest'
import { mixtureReference } from '../../../../src/native/reference/mixture.ts'
import { utf8 } from '../../../../src/protocol/bytes.ts'
import type { Query, Reveal } from '../../../../src/protocol/expert-messages.ts'
import { Batcher } from '../../../../src/roles/miner/batcher.ts'
import { ClaimBook } from '../../../../src/roles/miner/claim-book.ts'
import type { ClaimBookOptions } from '../../../../src/roles/miner/claim-book.ts'
import { Workload } from '../../../../src/roles/workload.ts'
import { NgramExpert } from '../../../support/ngram-expert.ts'
import { rng, testSeed } from '../../../support/random.ts'

const never = new AbortController().signal
const hotkey = new Uint8Array(32).fill(9)
const validator = new Uint8Array(32).fill(1)
const text = utf8('the white whale and the black ship and the grey sea. '.repeat(8))
/** Leaves of one query of 64 positions. */
const QUERY_BYTES = 64 * 256

let book: ClaimBook
let predictions: number
beforeEach(() => {
  book = bookOf({})
})
function bookOf(options: Partial<ClaimBookOptions>): ClaimBook {
  const expert = new NgramExpert({ text })
  predictions = 0
  const counting = {
    predict: async (contexts: readonly Uint8Array[], from: readonly number[]) => {
      predictions += contexts.length
      return await expert.predict(contexts, from)
    },
  }
  const batcher = new Batcher({ batchMax: 8 }, { expert: counting, workload: new Workload({ trainersMax: 1 }) })
  const limits = { hotkey, bytesMax: 100 * QUERY_BYTES, blocksMax: 100, sequenceLengthMax: 256 }
  return new ClaimBook({ ...limits, ...options }, { mixture: mixtureReference, batcher, random: rng(testSeed()) })
}
const query = (id: number, from = 0): Query => ({
  queryId: new Uint8Array(16).fill(id),
  length: 64,
  filler: text.subarray(300, 332),
  span: text.subarray(from, from + 63),
})
const challenge = (id: number, positions: number[]) => ({ queryId: new Uint8Array(16).fill(id), height: 5n, positions })

/** What the validator's check says of a commit and its reveal. */
function check(asked: Query, commit: Uint8Array, reveal: Reveal, last: number): string {
  return mixtureReference.checkReveal({
    commit,
    queryId: asked.queryId,
    hotkey,
    root: reveal.root,
    salt: reveal.salt,
    lastLeaf: reveal.lastLeaf,
    claims: reveal.claims,
    span: Uint8Array.from([...asked.span, last]),
    positions: Uint16Array.from(reveal.openings, ({ position }) => position),
    leaves: Uint8Array.from(reveal.openings.flatMap(({ leaf }) => [...leaf])),
    paths: reveal.openings.map(({ path }) => Uint8Array.from(path.flatMap((hash) => [...hash]))),
  }).status
}

describe('a committed query', () => {
  test('is opened so that the validator’s check passes, at the first, last and middle positions', async () => {
    const asked = query(1)
    const { commit, queryId } = await book.commit(validator, asked, never)
    expect(queryId).toEqual(asked.queryId)
    const reveal = book.reveal(validator, challenge(1, [0, 62, 17, 33]))
    expect(check(asked, commit, reveal, text[63] ?? 0)).toBe('ok')
  })

  test('predicts behind the filler: the leaves are those of filler and span together', async () => {
    const asked = query(1)
    await book.commit(validator, asked, never)
    const reveal = book.reveal(validator, challenge(1, [0]))
    const context = Uint8Array.from([...asked.filler, ...asked.span])
    const [leaves = new Uint8Array(0)] = await new NgramExpert({ text }).predict([context], [asked.filler.length])
    expect(reveal.openings[0]?.leaf).toEqual(leaves.slice(0, 256))
    expect(reveal.lastLeaf).toEqual(leaves.slice(63 * 256))
  })

  test('asked again by the same caller gets the same commit, without another prediction', async () => {
    const [first, second] = await Promise.all([book.commit(validator, query(1), never), book.commit(validator, query(1), never)])
    const third = await book.commit(validator, query(1), never)
    expect(second.commit).toEqual(first.commit)
    expect(third.commit).toEqual(first.commit)
    expect(predictions).toBe(1)
  })

  test('of two queries the commits differ, and so do those of one text by their salts', async () => {
    const commits = await Promise.all([1, 2].map(async (id) => (await book.commit(validator, query(id), never)).commit))
    expect(commits[0]).not.toEqual(commits[1])
  })

  test('is opened once: the same positions again, no others', async () => {
    await book.commit(validator, query(1), never)
    const first = book.reveal(validator, challenge(1, [3, 4]))
    expect(book.reveal(validator, challenge(1, [3, 4]))).toEqual(first)
    expect(() => book.reveal(validator, challenge(1, [3, 5]))).toThrow(expect.objectContaining({ code: 'MINER_QUERY_OPENED' }))
  })

  test('is not opened to another caller, nor where it has no position', async () => {
    await book.commit(validator, query(1), never)
    const other = new Uint8Array(32).fill(2)
    expect(() => book.reveal(other, challenge(1, [3]))).toThrow(expect.objectContaining({ code: 'MINER_QUERY_UNKNOWN' }))
    expect(() => book.reveal(validator, challenge(2, [3]))).toThrow(expect.objectContaining({ code: 'MINER_QUERY_UNKNOWN' }))
    expect(() => book.reveal(validator, challenge(1, [63]))).toThrow(expect.objectContaining({ code: 'MESSAGE_MALFORMED' }))
  })
})

describe('limits', () => {
  test('leaves are kept for 100 blocks', async () => {
    book.advance(10)
    await book.commit(validator, query(1), never)
    book.advance(110)
    expect(book.queries).toBe(1)
    book.advance(111)
    expect(book.queries).toBe(0)
    expect(book.bytes).toBe(0)
  })

  test('a span longer than the model takes is refused', async () => {
    book = bookOf({ sequenceLengthMax: 32 })
    await expect(book.commit(validator, query(1), never)).rejects.toMatchObject({ code: 'MINER_QUERY_TOO_LONG' })
  })

  test('one caller fills a quarter of the memory, opened queries give way first', async () => {
    book = bookOf({ bytesMax: 12 * QUERY_BYTES })
    for (const id of [1, 2, 3]) await book.commit(validator, query(id), never)
    await expect(book.commit(validator, query(4), never)).rejects.toMatchObject({ code: 'MINER_QUERIES_FULL' })
    book.reveal(validator, challenge(2, [1]))
    await book.commit(validator, query(4), never)
    expect(book.queries).toBe(3)
    expect(() => book.reveal(validator, challenge(2, [1]))).toThrow(expect.objectContaining({ code: 'MINER_QUERY_UNKNOWN' }))
    expect(book.bytes).toBe(3 * QUERY_BYTES)
  })

  test('queries that come together do not pass the limit together', async () => {
    book = bookOf({ bytesMax: 8 * QUERY_BYTES })
    const answers = await Promise.allSettled([1, 2, 3, 4].map(async (id) => await book.commit(validator, query(id), never)))
    expect(answers.filter(({ status }) => status === 'fulfilled')).toHaveLength(2)
    expect(book.bytes).toBe(2 * QUERY_BYTES)
  })

  test('a failed prediction leaves nothing behind', async () => {
    const gone = new AbortController()
    gone.abort(new Error('cancelled'))
    await expect(book.commit(validator, query(1), gone.signal)).rejects.toThrow('cancelled')
    expect(book.bytes).toBe(0)
    expect((await book.commit(validator, query(1), never)).commit).toHaveLength(32)
  })
})
