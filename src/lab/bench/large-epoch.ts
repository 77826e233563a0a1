/**
 * The epoch of a large market in binary64, where the twin, which counts in BigInt, would take minutes and all memory. It does
 * what the benchmark's markets need of consensus-scoring.md: the first uids are validators, permitted and active, who rate
 * everybody else; stored bonds there are none. Numbers are whole units of 2^-32 and are floored where the definition floors;
 * what a product of 64 bits loses in 53 moves a result by a few units at most.
 */
import type { EpochInput } from '../../protocol/ports/compute.ts'

const ONE = 2 ** 32
const U16_MAX = 65_535
const PER_MILLION = 1_000_000

/** Of each uid: its consensus and its shares of all incentive and dividends. */
export interface LargeEpoch {
  consensus: Float64Array
  incentive: Float64Array
  dividends: Float64Array
  /** What the validators hold of each uid, as it is stored: u16[rows], 0 where nothing is. */
  bonds: Uint16Array[]
}

const mul = (a: number, b: number): number => Math.floor((a * b) / ONE)
const div = (a: number, b: number): number => Math.floor((a * ONE) / b)
function sum(values: Float64Array): number {
  let total = 0
  for (const value of values) total += value
  return total
}
function normalise(values: Float64Array): Float64Array {
  const total = sum(values)
  return values.map((value) => div(value, total))
}
const inOnes = (values: Float64Array): Float64Array => values.map((value) => value / ONE)

/** Step 5, column by column: what every validator gives to uid j. */
function weightColumns({ n, weights: { offsets, uids, values } }: EpochInput, rows: number): Float64Array[] {
  const columns = Array.from({ length: n }, () => new Float64Array(rows))
  for (let row = 0; row < rows; row++) {
    const [from, to] = [offsets[row] ?? 0, offsets[row + 1] ?? 0]
    let total = 0
    for (let at = from; at < to; at++) total += values[at] ?? 0
    for (let at = from; at < to; at++) {
      const column = columns[uids[at] ?? 0]
      if (column !== undefined) column[row] = div(values[at] ?? 0, total)
    }
  }
  return columns
}

/** Step 7 in its short form: the smallest score at and below which there is more than the minority's stake. */
function median(column: Float64Array, stake: Float64Array, minority: number): number {
  const rows = column.length
  // Row numbers ride along in the last digits, so that the numbers sort as numbers, without a function that compares.
  const order = column.map((score, row) => score * rows + row).sort()
  let [below, score] = [0, 0]
  for (const one of order) {
    score = Math.floor(one / rows)
    below += stake[one - score * rows] ?? 0
    if (below > minority) break
  }
  return score
}

/** Steps 11 and 12 of a column: the stake behind its clipped weights, as shares of one. */
function bondsOf(column: Float64Array, consensus: number, stake: Float64Array, alpha: number): Float64Array {
  const bought = column.map((score, row) => mul(Math.min(score, consensus), stake[row] ?? 0))
  return normalise(normalise(bought).map((bond) => mul(alpha, bond)))
}

/** Step 16. */
function storedBonds(column: Float64Array): Uint16Array {
  let largest = 0
  for (const bond of column) largest = Math.max(largest, bond)
  return new Uint16Array(column.map((bond) => mul(div(bond, largest), U16_MAX)))
}

/** Steps 2 to 13, and 16. */
export function largeEpoch(input: EpochInput): LargeEpoch {
  const rows = input.validatorPermit.reduce((count, permit) => count + permit, 0)
  const stake = normalise(normalise(Float64Array.from(input.stake.subarray(0, rows), Number)))
  const voters = normalise(stake)
  const minority = sum(voters) - Math.floor((input.kappa * ONE) / U16_MAX)
  const alpha = ONE - Math.floor((Number(input.bondsMovingAverage) * ONE) / PER_MILLION)
  const columns = weightColumns(input, rows)
  const consensus = Float64Array.from(columns, (column) => median(column, voters, minority))
  const rank = Float64Array.from(columns, (column, j) => {
    let total = 0
    for (let row = 0; row < rows; row++) total += mul(Math.min(column[row] ?? 0, consensus[j] ?? 0), stake[row] ?? 0)
    return total
  })
  const incentive = normalise(rank)
  const dividends = new Float64Array(input.n)
  const bonds = columns.map((column, j) => {
    const held = bondsOf(column, consensus[j] ?? 0, stake, alpha)
    for (let row = 0; row < rows; row++) dividends[row] = (dividends[row] ?? 0) + mul(incentive[j] ?? 0, held[row] ?? 0)
    return storedBonds(held)
  })
  return { consensus: inOnes(consensus), incentive: inOnes(incentive), dividends: inOnes(normalise(dividends)), bonds }
}
