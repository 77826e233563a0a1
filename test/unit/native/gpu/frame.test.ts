/** Frames of the GPU program: whole ones arrive however they are cut, and nothing else does. */
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { readAnswer } from '../../../../src/native/gpu/answer.ts'
import { readDeviceList } from '../../../../src/native/gpu/device-list.ts'
import { FRAME_BYTES_MAX, frameHead, FrameReader, HEADER_BYTES_MAX, type Frame, type Header } from '../../../../src/native/gpu/frame.ts'
import { NodeError } from '../../../../src/protocol/errors.ts'

const seed = Number(process.env['TAUMESH_SEED'])
const runs = { seed, numRuns: 300 }

const framed = (header: Header, payload: Uint8Array): Buffer => Buffer.concat([frameHead(header, payload.length), payload])

function reader(most = 100): { reader: FrameReader; frames: Frame[] } {
  const frames: Frame[] = []
  return { frames, reader: new FrameReader({ payloadBytesMax: () => most, onFrame: (frame) => frames.push(frame) }) }
}

function lengths(rest: number, header: number): Buffer {
  const bytes = Buffer.alloc(8)
  bytes.writeUInt32LE(rest, 0)
  bytes.writeUInt32LE(header, 4)
  return bytes
}

test('frames arrive whole and in order however the stream is cut', () => {
  const frame = fc.record({ header: fc.dictionary(fc.string(), fc.jsonValue()), payload: fc.uint8Array({ maxLength: 100 }) })
  fc.assert(
    fc.property(fc.array(frame, { maxLength: 5 }), fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1 }), (sent, cuts) => {
      const stream = Buffer.concat(sent.map(({ header, payload }) => framed(header, payload)))
      const { reader: one, frames } = reader()
      for (let at = 0, i = 0; at < stream.length; i++) {
        const size = cuts[i % cuts.length] ?? 1
        one.push(stream.subarray(at, at + size))
        at += size
      }
      expect(one.partial).toBe(false)
      expect(frames.map(({ header }) => JSON.stringify(header))).toEqual(sent.map(({ header }) => JSON.stringify(header)))
      expect(frames.map(({ payload }) => [...payload])).toEqual(sent.map(({ payload }) => [...payload]))
    }),
    runs,
  )
})

test('a stream that ends within a frame says so, at every byte', () => {
  const whole = framed({ id: 1, ok: {} }, Uint8Array.of(1, 2, 3))
  for (let end = 1; end < whole.length; end++) {
    const { reader: one, frames } = reader()
    one.push(whole.subarray(0, end))
    expect([one.partial, frames.length]).toEqual([true, 0])
  }
})

test('a payload lies in a buffer of its own', () => {
  const { reader: one, frames } = reader()
  one.push(Buffer.concat([framed({ id: 1 }, Uint8Array.of(0, 0, 128, 63)), framed({ id: 2 }, new Uint8Array(8))]))
  expect(new Float32Array(frames[0]?.payload.buffer ?? new ArrayBuffer(0))).toEqual(Float32Array.of(1))
})

describe('refuses before it allocates', () => {
  test.each([
    ['a frame beyond the limit', FRAME_BYTES_MAX + 1, 2],
    ['the longest length there is', 2 ** 32 - 1, 2],
    ['a header beyond the limit', 2 ** 20, HEADER_BYTES_MAX + 1],
    ['a header longer than its frame', 10, 7],
    ['a frame without room for a header', 0, 0],
    ['a header too short to be an object', 5, 1],
  ])('%s', (_name, rest, header) => {
    const { reader: one } = reader()
    expect(() => one.push(lengths(rest, header))).toThrow(/GPU process broke the protocol/)
  })

  test('a payload larger than its header may have', () => {
    const { reader: one } = reader(3)
    one.push(framed({ id: 1 }, new Uint8Array(3)))
    // The head alone is enough: the payload has not come.
    expect(() => one.push(frameHead({ id: 1 }, 4))).toThrow(/a payload of 4 bytes where 3 are due/)
  })

  test('a frame of its own side', () => {
    expect(() => frameHead({}, FRAME_BYTES_MAX)).toThrow(NodeError)
    expect(() => frameHead({ text: 'x'.repeat(HEADER_BYTES_MAX) }, 0)).toThrow(NodeError)
    expect(frameHead({}, FRAME_BYTES_MAX - 6)).toHaveLength(10)
  })
})

test('headers that are no JSON object are refused', () => {
  for (const text of ['[]', 'null', '12', '"ab"', '{"a":', '{"a":1}}', '\u0000{}', '\ufeff{}', '['.repeat(30_000)]) {
    const bytes = Buffer.from(text)
    const { reader: one } = reader()
    expect(() => one.push(Buffer.concat([lengths(4 + bytes.length, bytes.length), bytes])), text.slice(0, 20)).toThrow(NodeError)
  }
  const { reader: one } = reader()
  expect(() => one.push(Buffer.concat([lengths(7, 3), Buffer.of(0x7b, 0xff, 0x7d)]))).toThrow(NodeError)
})

test('random bytes give frames or GPU_PROTOCOL, nothing else', () => {
  const prefix = fc
    .tuple(fc.integer({ min: 0, max: 200 }), fc.integer({ min: 0, max: 60 }))
    .map(([rest, header]) => [...lengths(rest, header)])
  const bytes = fc.array(fc.oneof(prefix, fc.array(fc.integer({ min: 0, max: 255 }), { maxLength: 60 })), { maxLength: 20 })
  let refused = 0
  fc.assert(
    fc.property(bytes, (parts) => {
      const { reader: one, frames } = reader()
      try {
        one.push(Uint8Array.from(parts.flat()))
      } catch (error) {
        expect(error).toMatchObject({ code: 'GPU_PROTOCOL' })
        refused += 1
      }
      for (const { payload } of frames) expect(payload.length).toBeLessThanOrEqual(100)
    }),
    { ...runs, numRuns: 2_000 },
  )
  expect(refused).toBeGreaterThan(100)
})

describe('answers', () => {
  test('of the three kinds are read', () => {
    expect(readAnswer({ id: 1, ok: { nonce: null } })).toEqual({ kind: 'ok', id: 1, ok: { nonce: null } })
    expect(readAnswer({ id: 2 ** 32 - 1, progress: { done: 0, total: 5 } })).toEqual({
      kind: 'progress',
      id: 2 ** 32 - 1,
      done: 0,
      total: 5,
    })
    expect(readAnswer({ id: 7, error: { code: 'GPU_MEMORY', text: '' } })).toEqual({ kind: 'error', id: 7, code: 'GPU_MEMORY', text: '' })
  })

  test.each<Header>([
    {},
    { id: 1 },
    { ok: {} },
    { id: 0, ok: {} },
    { id: 2 ** 32, ok: {} },
    { id: 1.5, ok: {} },
    { id: '1', ok: {} },
    { id: 1, ok: [] },
    { id: 1, ok: null },
    { id: 1, ok: {}, more: 1 },
    { id: 1, ok: {}, error: { code: 'A', text: '' } },
    { id: 1, progress: { done: -1, total: 1 } },
    { id: 1, progress: { done: 1 } },
    { id: 1, progress: { done: 1, total: 1, rate: 1 } },
    { id: 1, progress: { done: 1e300, total: 1 } },
    { id: 1, error: { code: 'lower', text: '' } },
    { id: 1, error: { code: 'A', text: 'x'.repeat(5_000) } },
    { id: 1, error: 'text' },
  ])('%j is refused', (header) => {
    expect(() => readAnswer(header)).toThrow(/GPU process broke the protocol/)
  })

  test('of any JSON are read, and lists of devices in them, or GPU_PROTOCOL is thrown', () => {
    const often = <T>(right: fc.Arbitrary<T>): fc.Arbitrary<unknown> =>
      fc.oneof({ arbitrary: right, weight: 40 }, { arbitrary: fc.jsonValue(), weight: 1 })
    const count = often(fc.maxSafeNat())
    const texts = often(fc.string())
    const device = fc.record({
      id: often(fc.constantFrom('cuda:0', 'wgpu:0', 'fake:0')),
      backend: often(fc.constantFrom('cuda', 'wgpu', 'fake')),
      name: texts,
      memoryBytes: often(fc.option(fc.maxSafeNat())),
      driver: often(fc.option(fc.string())),
      features: often(fc.array(texts, { maxLength: 3 })),
      usable: fc.constant(true),
      reason: often(fc.constant(null)),
    })
    const ok = often(fc.record({ devices: often(fc.array(often(device), { maxLength: 3 })) }))
    const id = often(fc.integer({ min: 1, max: 2 ** 32 - 1 }))
    const header = fc.oneof(
      fc.record({ id, ok }),
      fc.record({ id, progress: often(fc.record({ done: count, total: count })) }),
      fc.record({ id, error: often(fc.record({ code: often(fc.constant('GPU_MEMORY')), text: texts })) }),
      fc.dictionary(fc.string(), fc.jsonValue()),
    )
    const counts = { answers: 0, lists: 0, refused: 0 }
    fc.assert(
      fc.property(header, (sent) => {
        try {
          const answer = readAnswer(sent)
          counts.answers += 1
          if (answer.kind === 'ok') counts.lists += readDeviceList(answer.ok).length > 0 ? 1 : 0
        } catch (error) {
          if (!(error instanceof NodeError)) throw error
          expect(error.code).toBe('GPU_PROTOCOL')
          counts.refused += 1
        }
      }),
      { ...runs, numRuns: 4_000 },
    )
    expect(Math.min(...Object.values(counts))).toBeGreaterThan(100)
  })
})
