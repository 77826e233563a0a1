import { expect, test } from 'vitest'
import { toHex } from '../../../src/protocol/bytes.ts'
import { queryId, SpanSource, swapChoice } from '../../../src/scoring/spans.ts'

const seed = new Uint8Array(32).fill(5)
const domain = (name: string, letter: string, length = 20_000): { name: string; text: Uint8Array } => ({
  name,
  text: Buffer.from(Array.from({ length }, (_, i) => `${letter} ${i + 10} `).join('')).subarray(0, length),
})
const source = new SpanSource(
  ['h', 'g', 'f', 'e', 'd', 'c', 'b', 'a'].map((letter) => domain(`domain-${letter}`, letter)),
  256,
)

test('a step of eight has one span of each of eight domains', () => {
  const spans = source.plan(seed, 3, 8)
  expect(new Set(spans.map(({ domain: name }) => name)).size).toBe(8)
  for (const { text } of spans) expect(text.length).toBe(256)
  expect(spans.map(({ queryId: id }) => toHex(id))).toEqual(spans.map((_, i) => toHex(queryId(seed, 3, i))))
})
test('the same seed and pass give the same spans; another pass or seed does not', () => {
  const text = (of: Uint8Array, pass: number): string =>
    source
      .plan(of, pass, 8)
      .map((span) => toHex(span.text))
      .join()
  expect(text(seed, 3)).toBe(text(seed, 3))
  expect(new Set([text(seed, 3), text(seed, 4), text(new Uint8Array(32).fill(6), 3)]).size).toBe(3)
})
test('what stands at a swap is the draw that a replay makes', () => {
  const spans = [0, 1, 2, 3].flatMap((pass) => source.plan(seed, pass, 8))
  const swaps = spans.flatMap((span) => {
    const choice = swapChoice(seed, span.queryId)
    return span.swaps.map((swap) => [swap.chosen, choice.below(16)])
  })
  expect(swaps.length).toBeGreaterThan(30)
  for (const [chosen, drawn] of swaps) expect(chosen).toBe(drawn)
})
test('every peer gets its own filler, from another place than the span', () => {
  const [span] = source.plan(seed, 3, 8)
  if (span === undefined) throw new Error('no span')
  const fillers = Array.from({ length: 20 }, (_, uid) => toHex(source.filler(seed, span, uid, 32)))
  expect(new Set(fillers).size).toBe(20)
  for (const filler of fillers) expect(filler.length).toBe(64)
  expect(toHex(source.filler(seed, span, 4, 32))).toBe(fillers[4])
})
test('domains too short for a window are left out, and none at all is refused', () => {
  expect(new SpanSource([domain('long', 'a'), domain('short', 'b', 300)], 256).domains).toEqual(['long'])
  expect(() => new SpanSource([domain('short', 'b', 300)], 256)).toThrow(expect.objectContaining({ code: 'SCORING_TEXT_SHORT' }))
})
