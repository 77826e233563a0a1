/**
 * The exact game of many peers in plain binary64: every coalition's value straight from its definition (mixture.md 4.1), where
 * the twin, which counts in BigInt, would take minutes.
 */
import { rowsOf } from '../../native/reference/mixture-game.ts'
import type { GameInput } from '../../protocol/ports/compute.ts'

/** Positions whose shares are multiplied before one logarithm is taken: of more, the product could vanish. */
const FACTORS = 16

/** `row[mask]` for every coalition: the fallback's part and those of the members, by additions alone. */
function sums(row: Float64Array, parts: readonly number[]): void {
  row[0] = parts[0] ?? 0
  for (let peer = 1; peer < parts.length; peer++) {
    const [first, part] = [1 << (peer - 1), parts[peer] ?? 0]
    for (let mask = 0; mask < first; mask++) row[first + mask] = (row[mask] ?? 0) + part
  }
}

/** v of all coalitions, by the mask of their members. */
function valuesOf(game: GameInput): Float64Array {
  const rows = rowsOf(game)
  const [coalitions, positions] = [1 << game.peers.length, game.length * game.spans]
  const [weights, products, values] = [new Float64Array(coalitions), new Float64Array(coalitions), new Float64Array(coalitions)]
  const shares = new Float64Array(coalitions)
  for (let start = 0; start < positions; start += FACTORS) {
    shares.fill(1)
    for (let t = start; t < start + FACTORS; t++) {
      sums(
        weights,
        rows.map((row) => Number(row.weights[t])),
      )
      sums(
        products,
        rows.map((row) => Number(row.products[t])),
      )
      for (let mask = 0; mask < coalitions; mask++) shares[mask] = ((shares[mask] ?? 0) * (products[mask] ?? 0)) / (weights[mask] ?? 0)
    }
    for (let mask = 0; mask < coalitions; mask++) values[mask] = (values[mask] ?? 0) + Math.log2(shares[mask] ?? 0) / positions
  }
  return values
}

/** How many coalitions of each size there are without one peer of `peers`: their shares of the mean over all orders. */
function orders(peers: number): number[] {
  const found = [1]
  for (let k = 1; k < peers; k++) found.push(((found[k - 1] ?? 0) * (peers - k)) / k)
  return found.map((count) => 1 / (count * peers))
}

const sizeOf = (mask: number): number => {
  let size = 0
  for (let rest = mask; rest !== 0; rest &= rest - 1) size++
  return size
}

/** Bits per position that each peer of a game without clusters adds, in the mean over all orders in which peers can come. */
export function contributions(game: GameInput): { phi: Float64Array; all: number; none: number } {
  const [values, share] = [valuesOf(game), orders(game.peers.length)]
  const phi = new Float64Array(game.peers.length)
  for (let mask = 0; mask < values.length; mask++) {
    const part = share[sizeOf(mask)] ?? 0
    for (let peer = 0; peer < phi.length; peer++)
      if (((mask >> peer) & 1) === 0) phi[peer] = (phi[peer] ?? 0) + part * ((values[mask | (1 << peer)] ?? 0) - (values[mask] ?? 0))
  }
  return { phi, all: values.at(-1) ?? 0, none: values[0] ?? 0 }
}
