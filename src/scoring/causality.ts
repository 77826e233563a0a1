/**
 * The martingale test of 6.2: at the first branching byte of a swap the validator knows exactly how the byte was drawn, so
 * for any model that saw only the past the centred log-loss has mean 0, and using the byte itself pushes it up.
 */
import type { SwapRecord } from '../protocol/evidence.ts'
import { exactLn } from './arithmetic.ts'

/** Positions whose variance is below this (nat²) say nothing and are left out. */
export const VARIANCE_MIN = 1e-4

/** Length of the prefix that all alternatives share: the tested byte is the one behind it. */
function branch(words: readonly Uint8Array[]): number {
  const [first] = words
  let depth = 0
  if (first === undefined) return 0
  while (depth < first.length && words.every((word) => word[depth] === first[depth])) depth++
  return depth
}

/** Position in the span of the first branching byte of a swap. */
export const testedPosition = (swap: SwapRecord): number => swap.first + branch(swap.words)

/**
 * z/sqrt(V) of one opened leaf, or null where V is below the least variance.
 * @param probabilities the 256 decoded probabilities at `testedPosition(swap)`
 */
export function deviation(swap: SwapRecord, probabilities: Float64Array): number | null {
  const depth = branch(swap.words)
  const counts = new Map<number, number>()
  for (const word of swap.words) {
    const byte = word[depth] ?? -1
    counts.set(byte, (counts.get(byte) ?? 0) + 1)
  }
  let mean = 0
  let square = 0
  for (const byte of [...counts.keys()].toSorted((a, b) => a - b)) {
    const share = (counts.get(byte) ?? 0) / swap.words.length
    const ln = exactLn(probabilities[byte] ?? Number.NaN)
    mean += share * ln
    square += share * (ln * ln)
  }
  const variance = square - mean * mean
  if (!(variance >= VARIANCE_MIN)) return null
  const drawn = swap.words[swap.chosen]?.[depth] ?? -1
  return (exactLn(probabilities[drawn] ?? Number.NaN) - mean) / Math.sqrt(variance)
}
