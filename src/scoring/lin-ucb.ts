/**
 * Which peers to ask for a context (mixture.md 7.3): LinUCB over hashed byte pairs of the context's beginning. A pure
 * value: rewards come from whoever asked, ties go to the lower uid.
 */

/** Hash buckets, ridge and width of the confidence bound. */
const FEATURES = 128
const RIDGE = 1
const WIDTH = 0.3
/** Bytes of the context that the features are made of. */
const PREFIX_BYTES = 32
/** Arms kept; each holds a 128 x 128 matrix (131 kB). Beyond, the one not asked for longest is forgotten. */
const ARMS_MAX = 256
/** Added to the mean log2 p of a peer, so that a uniform guess is rewarded with 0. */
const REWARD_OFFSET = 8

/** L2-normalised counts of the buckets (257·x_t + x_t+1) mod 128 and 7·x_t mod 128 over the first 32 bytes. */
export function contextFeatures(context: Uint8Array): Float64Array {
  const f = new Float64Array(FEATURES)
  const bytes = context.subarray(0, PREFIX_BYTES)
  for (const [t, byte] of bytes.entries()) {
    const single = (7 * byte) % FEATURES
    f[single] = (f[single] ?? 0) + 1
    const next = bytes[t + 1]
    if (next === undefined) continue
    const pair = (257 * byte + next) % FEATURES
    f[pair] = (f[pair] ?? 0) + 1
  }
  const norm = Math.sqrt(f.reduce((sum, value) => sum + value * value, 0))
  return norm === 0 ? f : f.map((value) => value / norm)
}

interface Arm {
  /** Inverse of A, row-major, symmetric. */
  inverse: Float64Array
  b: Float64Array
  theta: Float64Array
}

export class LinUcb {
  /** By name (a hotkey), the longest unused first. */
  readonly #arms = new Map<string, Arm>()

  /** θ·f + 0.3·√(fᵀA⁻¹f); an arm never asked scores by its uncertainty alone. */
  score(name: string, f: Float64Array): number {
    const arm = this.#arms.get(name)
    if (arm === undefined) return WIDTH * Math.sqrt(dot(f, f) / RIDGE)
    return dot(arm.theta, f) + WIDTH * Math.sqrt(Math.max(0, dot(f, product(arm.inverse, f))))
  }

  /** Expected reward without the bound: the quality of routing (mixture.md 9). 0 for an arm never asked. */
  expected(name: string, f: Float64Array): number {
    const arm = this.#arms.get(name)
    return arm === undefined ? 0 : dot(arm.theta, f)
  }

  /** @param meanLog2 mean log2 p over the context's bytes, ≤ 0; -8 for a peer that failed */
  reward(name: string, f: Float64Array, meanLog2: number): void {
    const arm = this.#arms.get(name) ?? freshArm()
    this.#arms.delete(name)
    this.#arms.set(name, arm)
    const oldest = this.#arms.keys().next()
    if (this.#arms.size > ARMS_MAX && oldest.done === false) this.#arms.delete(oldest.value)
    const u = product(arm.inverse, f)
    const scale = 1 / (1 + dot(f, u))
    for (let i = 0; i < FEATURES; i++) {
      const row = i * FEATURES
      const factor = scale * (u[i] ?? 0)
      if (factor === 0) continue
      for (let j = 0; j < FEATURES; j++) arm.inverse[row + j] = (arm.inverse[row + j] ?? 0) - factor * (u[j] ?? 0)
    }
    const reward = meanLog2 + REWARD_OFFSET
    for (let i = 0; i < FEATURES; i++) arm.b[i] = (arm.b[i] ?? 0) + reward * (f[i] ?? 0)
    arm.theta = product(arm.inverse, arm.b)
  }

  /**
   * The `count` peers to ask: the best by score, the last place going to a uniformly random one of the rest.
   * @param chance a number in [0, 1)
   */
  choose<P extends { name: string; uid: number }>(peers: readonly P[], f: Float64Array, count: number, chance: number): P[] {
    const ranked = peers
      .map((peer) => ({ peer, score: this.score(peer.name, f) }))
      .sort((a, b) => b.score - a.score || a.peer.uid - b.peer.uid)
      .map(({ peer }) => peer)
    if (ranked.length <= count) return ranked
    const rest = ranked.slice(count - 1)
    const random = rest[Math.floor(chance * rest.length)]
    return [...ranked.slice(0, count - 1), ...(random === undefined ? [] : [random])]
  }
}

function freshArm(): Arm {
  const inverse = new Float64Array(FEATURES * FEATURES)
  for (let i = 0; i < FEATURES; i++) inverse[i * FEATURES + i] = 1 / RIDGE
  return { inverse, b: new Float64Array(FEATURES), theta: new Float64Array(FEATURES) }
}

function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0
  for (let i = 0; i < FEATURES; i++) sum += (a[i] ?? 0) * (b[i] ?? 0)
  return sum
}

function product(matrix: Float64Array, vector: Float64Array): Float64Array {
  const out = new Float64Array(FEATURES)
  for (let j = 0; j < FEATURES; j++) {
    const value = vector[j] ?? 0
    if (value === 0) continue
    // The matrix is symmetric: its column j is its row j.
    const row = j * FEATURES
    for (let i = 0; i < FEATURES; i++) out[i] = (out[i] ?? 0) + value * (matrix[row + i] ?? 0)
  }
  return out
}
