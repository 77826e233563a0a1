/** Games, leaves and answers for tests of the mixture, from a seed. */
import * as fc from 'fast-check'
import type { GameInput } from '../../src/protocol/ports/compute.ts'
import { LEAF_BYTES } from '../../src/protocol/ports/compute.ts'

/** Numbers in 0..2³²-1 from a seed; good enough to fill arrays. */
export function numbers(seed: number): (below: number) => number {
  let state = seed >>> 0
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return Math.floor((state / 2 ** 32) * below)
  }
}

/** Leaves of `count` positions: some sure of one byte, some flat, some anything. */
export function leaves(seed: number, count: number): Uint8Array {
  const next = numbers(seed)
  const out = new Uint8Array(count * LEAF_BYTES)
  for (let at = 0; at < out.length; at += LEAF_BYTES) {
    const [kind, sure] = [next(3), next(LEAF_BYTES)]
    for (let y = 0; y < LEAF_BYTES; y++) out[at + y] = kind === 0 ? 255 : kind === 1 ? 88 : next(256)
    if (kind === 0) out[at + sure] = next(4)
  }
  return out
}

export function text(seed: number, length: number): Uint8Array {
  const next = numbers(seed)
  return Uint8Array.from({ length }, () => next(256))
}

/** Claims of one expert: mostly ordinary, sometimes nothing, everything or beyond what a leaf can claim. */
const claim = fc.oneof(
  { weight: 20, arbitrary: fc.integer({ min: 0, max: 20_000 }) },
  { weight: 1, arbitrary: fc.constantFrom(0, 1, 56_783, 65_535) },
)

/** Any game the definition accepts, of at most `playersMax` players and 64 positions. */
export const gameInput = (playersMax = 5): fc.Arbitrary<GameInput> =>
  fc
    .tuple(fc.integer({ min: 0, max: playersMax }), fc.constantFrom([16, 1], [8, 2], [1, 16], [32, 2], [64, 1]))
    .chain(([players, [length = 16, spans = 1]]) => {
      const row = fc.array(claim, { minLength: length * spans, maxLength: length * spans }).map((claims) => Uint16Array.from(claims))
      const each = <T>(entry: fc.Arbitrary<T>) => fc.array(entry, { minLength: players, maxLength: players })
      return fc.record({
        length: fc.constant(length),
        spans: fc.constant(spans),
        fallback: row,
        peers: each(fc.option(row, { freq: 8 })),
        clusters: fc.option(
          each(fc.integer({ min: 0, max: 2 })).map((of) => Uint16Array.from(of)),
          { nil: undefined },
        ),
        independents: fc.option(
          each(fc.integer({ min: 0, max: 1 })).map((of) => Uint8Array.from(of)),
          { nil: undefined },
        ),
      })
    })
