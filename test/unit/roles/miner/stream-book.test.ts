import { beforeEach, describe, expect, test } from 'vitest'
import { utf8 } from '../../../../src/protocol/bytes.ts'
import { streamId } from '../../../../src/protocol/draft-draws.ts'
import type { ServeRequest } from '../../../../src/protocol/expert-messages.ts'
import { STREAM_BYTES_MAX, StreamBook } from '../../../../src/roles/miner/stream-book.ts'
import { Workload } from '../../../../src/roles/workload.ts'
import { ManualClock } from '../../../support/manual-clock.ts'
import { NgramExpert } from '../../../support/ngram-expert.ts'
import { mixtureReference } from '../../../../src/native/reference/mixture.ts'

const never = new AbortController().signal
const caller = new Uint8Array(32).fill(1)
const other = new Uint8Array(32).fill(2)
const expert = new NgramExpert({ text: utf8('the white whale and the black ship and the grey sea. '.repeat(20)) })
const greedy = streamId(1, { key: 0, temperature: 0 })

let clock: ManualClock
let book: StreamBook
beforeEach(() => {
  clock = new ManualClock()
  book = bookOf({})
})
const bookOf = (limits: { perCallerMax?: number; streamsMax?: number }): StreamBook =>
  new StreamBook(
    { perCallerMax: 64, streamsMax: 128, idleMs: 60_000, ...limits },
    { expert, mixture: mixtureReference, workload: new Workload({ trainersMax: 1 }), clock },
  )
const ask = (more: Partial<ServeRequest>): ServeRequest => ({
  stream: greedy,
  position: 0,
  append: new Uint8Array(0),
  want: 1,
  draft: 0,
  ...more,
})
/** NTDs of the same positions by predict. */
async function expected(text: string, want: number): Promise<Uint8Array> {
  const bytes = utf8(text)
  const [leaves = new Uint8Array(0)] = await expert.predict([bytes], [bytes.length + 1 - want])
  return mixtureReference.ntdEncode(leaves, 0.99, 64)
}

describe('a stream', () => {
  test('answers the distributions of the last wanted positions', async () => {
    const { ntds, drafted } = await book.serve(caller, ask({ append: utf8('the white '), want: 4 }), never)
    expect(ntds).toEqual(await expected('the white ', 4))
    expect(drafted).toHaveLength(0)
  })

  test('goes on from where it was, and rewinds', async () => {
    await book.serve(caller, ask({ append: utf8('the white ') }), never)
    const on = await book.serve(caller, ask({ position: 10, append: utf8('wh'), want: 2 }), never)
    expect(on.ntds).toEqual(await expected('the white wh', 2))
    const back = await book.serve(caller, ask({ position: 4, append: utf8('grey ') }), never)
    expect(back.ntds).toEqual(await expected('the grey ', 1))
  })

  test('drafts bytes, answers the distribution after each, and has them appended', async () => {
    const { drafted, ntds } = await book.serve(caller, ask({ append: utf8('the white w'), want: 2, draft: 3 }), never)
    const text = `the white w${Buffer.from(drafted).toString()}`
    expect(drafted).toHaveLength(3)
    expect(ntds).toEqual(await expected(text, 5))
    const on = await book.serve(caller, ask({ position: text.length, want: 1 }), never)
    expect(on.ntds).toEqual(await expected(text, 1))
  })

  test('a greedy draft is the most likely byte each time', async () => {
    const { drafted } = await book.serve(caller, ask({ append: utf8('the white whale and the b'), draft: 4 }), never)
    expect(Buffer.from(drafted).toString()).toBe('lack')
  })

  test.for([
    ['unknown, not begun at 0', { position: 3 }, 'MINER_STREAM_UNKNOWN'],
    ['more positions than text', { append: utf8('ab'), want: 4 }, 'MESSAGE_MALFORMED'],
  ] as const)('is refused when %s', async ([, more, code]) => {
    await expect(book.serve(caller, ask(more), never)).rejects.toMatchObject({ code })
  })

  test('a position beyond its end is refused and the stream stays usable', async () => {
    await book.serve(caller, ask({ append: utf8('abc') }), never)
    await expect(book.serve(caller, ask({ position: 4 }), never)).rejects.toMatchObject({ code: 'MINER_STREAM_POSITION' })
    expect((await book.serve(caller, ask({ position: 3 }), never)).ntds).toEqual(await expected('abc', 1))
  })

  test('calls of one stream that come together are answered in order', async () => {
    const first = book.serve(caller, ask({ append: utf8('the ') }), never)
    const second = book.serve(caller, ask({ position: 4, append: utf8('sea') }), never)
    expect((await first).ntds).toEqual(await expected('the ', 1))
    expect((await second).ntds).toEqual(await expected('the sea', 1))
  })

  test('belongs to its caller: the same id of another caller is another stream', async () => {
    await book.serve(caller, ask({ append: utf8('abc') }), never)
    await expect(book.serve(other, ask({ position: 3 }), never)).rejects.toMatchObject({ code: 'MINER_STREAM_UNKNOWN' })
  })

  test('holds a bounded text', async () => {
    const full = STREAM_BYTES_MAX - 10
    await expect(book.serve(caller, ask({ append: new Uint8Array(full), draft: 11 }), never)).rejects.toMatchObject({
      code: 'MINER_STREAM_FULL',
    })
  })
})

describe('limits', () => {
  test('a stream idle for a minute is dropped, one in use is not', async () => {
    await book.serve(caller, ask({ append: utf8('abc') }), never)
    clock.advance(59_000)
    book.sweep()
    expect(book.size).toBe(1)
    await book.serve(caller, ask({ position: 3 }), never)
    clock.advance(59_000)
    book.sweep()
    expect(book.size).toBe(1)
    clock.advance(2_000)
    book.sweep()
    expect(book.size).toBe(0)
  })

  test('one stream more than a caller may have pushes out its own oldest, nobody else’s', async () => {
    book = bookOf({ perCallerMax: 2 })
    await book.serve(other, ask({ append: utf8('x') }), never)
    for (const stream of [1n, 2n, 3n]) {
      await book.serve(caller, ask({ stream, append: utf8('abc') }), never)
      clock.advance(1)
    }
    expect(book.size).toBe(3)
    await expect(book.serve(caller, ask({ stream: 1n, position: 3 }), never)).rejects.toMatchObject({ code: 'MINER_STREAM_UNKNOWN' })
    expect((await book.serve(other, ask({ position: 1 }), never)).drafted).toHaveLength(0)
  })

  test('when all places are in use a new stream is refused as busy', async () => {
    const gate = Promise.withResolvers<void>()
    const slow = {
      open: () => ({
        extend: async (_position: number, _bytes: Uint8Array, want: number) => {
          await gate.promise
          return new Uint8Array(want * 256)
        },
        close: () => undefined,
      }),
    }
    const parts = { expert: slow, mixture: mixtureReference, workload: new Workload({ trainersMax: 1 }), clock }
    const tight = new StreamBook({ perCallerMax: 1, streamsMax: 1, idleMs: 60_000 }, parts)
    const first = tight.serve(caller, ask({ stream: 1n, append: utf8('a') }), never)
    await expect(tight.serve(other, ask({ stream: 2n, append: utf8('a') }), never)).rejects.toMatchObject({ code: 'WIRE_BUSY' })
    gate.resolve()
    await first
  })
})
