/** The byte that a request takes from a distribution: temperature, nucleus and seed, the same for the same request. */
import { u64le } from '../../protocol/bytes.ts'
import { drawByte } from '../../protocol/draft-draws.ts'
import type { DraftDraws } from '../../protocol/draft-draws.ts'
import { kdf } from '../../protocol/hash.ts'

/** Chance of a request: the key that its drafting peers get to know, and a number in [0, 1) for its random peer. */
export function chanceOf(seed: bigint): { key: number; slot: number } {
  const bytes = kdf('completion', u64le(BigInt.asUintN(64, seed)))
  const view = new DataView(bytes.buffer, bytes.byteOffset)
  return { key: view.getUint32(0, true), slot: view.getUint32(4, true) / 2 ** 32 }
}

/** Draws the byte at `position` of the text. `p` is left as it is. */
export function sampleByte(p: Float64Array, draws: DraftDraws, topP: number, position: number): number {
  return drawByte(topP < 1 && draws.temperature > 0 ? nucleus(p, draws.temperature, topP) : p, draws, position)
}

/** `p` with zeros outside the fewest bytes whose mass at this temperature reaches `topP`; ties keep the lower byte. */
function nucleus(p: Float64Array, temperature: number, topP: number): Float64Array {
  const largest = Math.max(...p)
  const heated = p.map((value) => (value > 0 ? Math.exp(Math.log(value / largest) / temperature) : 0))
  const wanted = topP * heated.reduce((sum, value) => sum + value, 0)
  const order = Array.from(heated.keys()).sort((a, b) => (heated[b] ?? 0) - (heated[a] ?? 0) || a - b)
  const kept = new Float64Array(p.length)
  let mass = 0
  for (const byte of order) {
    kept[byte] = p[byte] ?? 0
    mass += heated[byte] ?? 0
    if (mass >= wanted) break
  }
  return kept
}
