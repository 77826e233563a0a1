/** A verifier's side of `seal-search.ts`: every seal is hashed again, and their number must fit the hashes that are claimed. */
import type { PowCompute } from '../../protocol/ports/compute.ts'
import type { BenchMetricView, BenchProofView } from '../../protocol/views/bench.ts'
import { sealTarget } from './seal-search.ts'

/** Deviations of a Poisson count below which an honest count falls once in 740 reports. */
const DEVIATIONS = 3
/** 95 % of counts are above mean - 1.645 deviations. */
const DEVIATIONS_95 = 1.645
const BATCH = 10_000

type SealProof = Extract<BenchProofView, { kind: 'seals' }>

/** @returns what is wrong, or null; `hashes` that were computed at least, with 95 % confidence */
export function checkSeals(
  pow: Pick<PowCompute, 'verify'>,
  proof: SealProof,
  claim: BenchMetricView,
  seed: Uint8Array,
): { wrong: string | null; detail: string; hashes: number } {
  const bad = (wrong: string): { wrong: string; detail: string; hashes: number } => ({ wrong, detail: '', hashes: 0 })
  const { blockHash, hotkey } = sealTarget(seed, proof.backend)
  const nonces = proof.nonces.map(BigInt)
  if (nonces.some((one) => one >= 2n ** 64n) || BigInt(proof.difficulty) >= 2n ** 63n || proof.difficulty === '0')
    return bad('a number is out of range')
  if (new Set(nonces).size !== nonces.length) return bad('a nonce stands twice')
  for (let from = 0; from < nonces.length; from += BATCH) {
    const some = nonces.slice(from, from + BATCH)
    const fill = (bytes: Uint8Array): Uint8Array => Buffer.concat(some.map(() => bytes))
    const { meets } = pow.verify({
      blockHashes: fill(blockHash),
      hotkeys: fill(hotkey),
      nonces: BigUint64Array.from(some),
      difficulties: new BigUint64Array(some.length).fill(BigInt(proof.difficulty)),
    })
    const miss = meets.indexOf(0)
    if (miss >= 0) return bad(`the seal of nonce ${some[miss]} misses the difficulty`)
  }
  const difficulty = Number(proof.difficulty)
  const expected = (claim.value * claim.seconds) / difficulty
  if (nonces.length < expected - DEVIATIONS * Math.sqrt(expected))
    return bad(`${nonces.length} seals, where the claimed rate gives ${expected.toFixed(0)} ± ${Math.sqrt(expected).toFixed(0)}`)
  const hashes = Math.max(0, nonces.length - DEVIATIONS_95 * Math.sqrt(nonces.length)) * difficulty
  return { wrong: null, detail: `${nonces.length} seals hashed again, ${expected.toFixed(0)} expected at the claimed rate`, hashes }
}

/** The probability that a rate inflated by `factor` is found when `expected` seals belong to the claim (normal approximation). */
export function detection(expected: number, factor: number): number {
  const mean = expected / factor
  const z = (expected - DEVIATIONS * Math.sqrt(expected) - mean) / Math.sqrt(mean)
  // Abramowitz and Stegun 26.2.17, to 8e-8
  const t = 1 / (1 + 0.231_641_9 * Math.abs(z))
  const tail =
    (Math.exp((-z * z) / 2) / Math.sqrt(2 * Math.PI)) *
    t *
    (0.319_381_53 + t * (-0.356_563_782 + t * (1.781_477_937 + t * (-1.821_255_978 + t * 1.330_274_429))))
  return z >= 0 ? 1 - tail : tail
}
