/**
 * Shared chance between a gateway and the peer that drafts for it (mixture.md 2.4). A sampled byte is the argmax of
 * ln p(y)/temperature + G(y), G being Gumbel variates that follow from (key, position) alone. When the drafting peer and
 * the gateway use the same G, the draft equals the gateway's own byte as often as two distributions allow, the text
 * depends on the seed and the distributions only, never on who drafted, and it still follows the mixture exactly.
 * Key and temperature travel inside the stream id, which the caller chooses; a peer that ignores them only costs speed.
 */
import { concat, u32le } from './bytes.ts'
import { kdfExpand } from './hash.ts'

/** Steps of the temperature in a stream id. */
const TEMPERATURE_STEPS = 32
const SYMBOLS = 256

export interface DraftDraws {
  /** u32, from the request's seed. */
  key: number
  /** 0 = the most likely byte; kept in steps of 1/32 up to 255/32. */
  temperature: number
}

/** Bits 0..31 key, 32..39 temperature, 40..63 the caller's counter, which alone makes ids of one caller differ. */
export function streamId(counter: number, { key, temperature }: DraftDraws): bigint {
  const steps = temperature <= 0 ? 0 : Math.min(255, Math.max(1, Math.round(temperature * TEMPERATURE_STEPS)))
  return (BigInt(counter % 2 ** 24) << 40n) | (BigInt(steps) << 32n) | BigInt(key >>> 0)
}

export function drawsOfStream(id: bigint): DraftDraws {
  return { key: Number(id & 0xffff_ffffn), temperature: Number((id >> 32n) & 0xffn) / TEMPERATURE_STEPS }
}

/** G for one position: 256 standard Gumbel variates. */
export function gumbels(key: number, position: number): Float64Array {
  const bytes = kdfExpand('draws', concat(u32le(key), u32le(position)), 4 * SYMBOLS)
  const view = new DataView(bytes.buffer, bytes.byteOffset)
  return Float64Array.from({ length: SYMBOLS }, (_, y) => -Math.log(-Math.log((view.getUint32(4 * y, true) + 0.5) / 2 ** 32)))
}

/** The byte drawn from `probabilities` (256, any scale, zeros never drawn) at `position`. Ties go to the lower byte. */
export function drawByte(probabilities: Float64Array, { key, temperature }: DraftDraws, position: number): number {
  const chance = temperature > 0 ? gumbels(key, position) : null
  let best = 0
  let bestScore = -Infinity
  for (let y = 0; y < SYMBOLS; y++) {
    const p = probabilities[y] ?? 0
    if (p <= 0) continue
    const score = chance === null ? p : Math.log(p) / temperature + (chance[y] ?? 0)
    if (score > bestScore) [best, bestScore] = [y, score]
  }
  return best
}
