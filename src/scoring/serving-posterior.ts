/**
 * The mixture that users are served (mixture.md 3): each expert weighs g^β·exp(−Σ γ^age·loss) by its own losses on the
 * bytes so far. Floats are fine here: nothing of it is scored or replayed.
 */

/** Memory of the posterior, and power of the gate's prior when serving. */
const GAMMA = 0.9
const BETA = 0.25
const SYMBOLS = 256
/** Loss of a byte that an expert gave no chance; the mixed-in ε of a decoded leaf keeps honest losses below it (nats). */
const LOSS_MAX = 14

/** One expert's fading loss in nats. */
export class FadingLoss {
  #faded = 0
  #sum = 0
  #count = 0

  /** @param p what the expert gave the byte that came */
  add(p: number): void {
    const loss = Math.min(LOSS_MAX, p > 0 ? -Math.log(p) : LOSS_MAX)
    this.#faded = GAMMA * this.#faded + loss
    this.#sum += loss
    this.#count += 1
  }

  get faded(): number {
    return this.#faded
  }

  get count(): number {
    return this.#count
  }

  /** Mean log2 p over all bytes seen, 0 before the first. */
  get meanLog2(): number {
    return this.#count === 0 ? 0 : -this.#sum / this.#count / Math.LN2
  }
}

/** Normalised weights of experts with these faded losses. @param prior gate values, any scale; uniform without one */
export function servingWeights(faded: readonly number[], prior?: readonly number[]): number[] {
  const least = Math.min(...faded)
  const raw = faded.map((loss, i) => (prior?.[i] ?? 1) ** BETA * Math.exp(least - loss))
  const total = raw.reduce((sum, weight) => sum + weight, 0)
  return raw.map((weight) => weight / total)
}

/** Σ w_i p_i over 256 bytes. */
export function mixRows(weights: readonly number[], rows: readonly Float64Array[]): Float64Array {
  const mixed = new Float64Array(SYMBOLS)
  for (const [i, row] of rows.entries()) {
    const weight = weights[i] ?? 0
    for (let y = 0; y < SYMBOLS; y++) mixed[y] = (mixed[y] ?? 0) + weight * (row[y] ?? 0)
  }
  return mixed
}

/** Who carried `byte`: r_i = w_i p_i(byte) / Σ_j w_j p_j(byte). */
export function byteShares(weights: readonly number[], rows: readonly Float64Array[], byte: number): number[] {
  const parts = rows.map((row, i) => (weights[i] ?? 0) * (row[byte] ?? 0))
  const total = parts.reduce((sum, part) => sum + part, 0)
  return total > 0 ? parts.map((part) => part / total) : [...weights]
}
