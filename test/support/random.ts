/** Seeded numbers for tests; the seed is printed by the runner (TAUMESH_SEED). */
export interface Rng {
  /** Whole number in 0..below-1. */
  int(below: number): number
  bytes(length: number): Uint8Array
}

export const testSeed = (): number => Number(process.env['TAUMESH_SEED'] ?? 1)

/** splitmix64: small, and every seed gives a good stream. */
export function rng(seed: number): Rng {
  let state = BigInt.asUintN(64, BigInt(seed) * 0x9e3779b97f4a7c15n + 1n)
  const next = (): bigint => {
    state = BigInt.asUintN(64, state + 0x9e3779b97f4a7c15n)
    let z = state
    z = BigInt.asUintN(64, (z ^ (z >> 30n)) * 0xbf58476d1ce4e5b9n)
    z = BigInt.asUintN(64, (z ^ (z >> 27n)) * 0x94d049bb133111ebn)
    return z ^ (z >> 31n)
  }
  return {
    int: (below) => Number((next() >> 11n) % BigInt(below)),
    bytes: (length) => Uint8Array.from({ length }, () => Number(next() & 255n)),
  }
}
