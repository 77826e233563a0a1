/**
 * Shared chance between a gateway and the peer that drafts for it (mixture.md 2.4). A sampled byte is the argmax of
 * ln p(y)/temperature + G(y), G being Gumbel variates that follow from (key, position) alone. When the drafting peer and
 * the gateway use the same G, the draft equals the gateway's own byte as often as two distributions allow, the text
 * depends on the seed and the distributions only, never on who drafted, and it still follows the mixture exactly.
 * Key and temperature travel inside the stream id, which the caller chooses; a peer that ignores them only costs speed.
 */
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

/** One round of MurmurHash3's finaliser: every bit of a u32 reaches every other. */
function scramble(value: number): number {
  let x = value >>> 0
  x = Math.imul(x ^ (x >>> 16), 0x85ebca6b)
  x = Math.imul(x ^ (x >>> 13), 0xc2b2ae35)
  return (x ^ (x >>> 16)) >>> 0
}

/**
 * G for one position: 256 standard Gumbel variates, of mulberry32 started at scramble(scramble(position) ^ key). Chance
 * that the caller may know needs no cryptography, and 256 of them are drawn for every byte, here and at the peer.
 */
export function gumbels(key: number, position: number): Float64Array {
  let state = scramble(scramble(position + 1) ^ key)
  const out = new Float64Array(SYMBOLS)
  for (let y = 0; y < SYMBOLS; y++) {
    state = (state + 0x6d2b79f5) >>> 0
    let x = Math.imul(state ^ (state >>> 15), state | 1)
    x ^= x + Math.imul(x ^ (x >>> 7), x | 61)
    out[y] = -Math.log(-Math.log((((x ^ (x >>> 14)) >>> 0) + 0.5) / 2 ** 32))
  }
  return out
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
