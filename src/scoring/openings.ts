/**
 * Which leaves a peer must open (mixture.md 6.1 step 5): the tested position of up to two swaps, one position common to
 * all peers and one of its own. The beacon comes from a block that did not exist when the peer committed, and from the
 * validator's seed, so that neither a peer nor a block producer knew them.
 */
import { concat } from '../protocol/bytes.ts'
import { blake3 } from '../protocol/hash.ts'
import { label, PrfStream } from '../protocol/prf.ts'
import { SWAPS_MAX } from '../protocol/evidence.ts'

/** Leaves opened per query, beside the last leaf. */
export const OPENINGS = 4
const COMMON = OPENINGS - SWAPS_MAX - 1

/** beacon = H(hash of the first block above the closing height ‖ seed). */
export const beacon = (blockHash: Uint8Array, seed: Uint8Array): Uint8Array => blake3(concat(blockHash, seed))

/**
 * @param swaps tested positions of the span's swaps, at most two; missing ones are replaced by common draws
 * @param length T: leaves are 0..T-2
 */
export function openings(
  mark: Uint8Array,
  query: { queryId: Uint8Array; uid: number; length: number; swaps: readonly number[] },
): number[] {
  const taken: number[] = [...query.swaps]
  const draw = (stream: PrfStream): void => {
    for (;;) {
      const position = stream.below(query.length - 1)
      if (taken.includes(position)) continue
      taken.push(position)
      return
    }
  }
  const common = new PrfStream(mark, label('common', query.queryId))
  while (taken.length < SWAPS_MAX + COMMON) draw(common)
  draw(new PrfStream(mark, label('own', query.queryId, Uint8Array.of(query.uid & 255, query.uid >> 8))))
  return taken
}
