/**
 * The epoch of consensus-scoring.md as it is written there, in BigInt: the oracle of the native one. Slow and plain; the
 * step numbers are those of the definition. Fixed point is I32F32 in a bigint, so `>>` floors and `/` truncates.
 */
import { NodeError } from '../../protocol/errors.ts'
import type { ConsensusCompute, EpochInput, EpochOutput, SparseRows } from '../../protocol/ports/compute.ts'
import { checkEpochInput } from './consensus-checks.ts'
import { picked, rebuiltInput } from './what-if.ts'

/** A sparse matrix: for each row (validator) its entries by column (uid). */
type Matrix = Map<number, bigint>[]

const ONE = 1n << 32n
const mul = (a: bigint, b: bigint): bigint => (a * b) >> 32n
const div = (a: bigint, b: bigint): bigint => (a << 32n) / b
const sum = (values: Iterable<bigint>): bigint => [...values].reduce((total, value) => total + value, 0n)
const max = (values: Iterable<bigint>): bigint => [...values].reduce((most, value) => (value > most ? value : most), 0n)
const min = (a: bigint, b: bigint): bigint => (a < b ? a : b)
/** u16(x) = truncate(x · 65535). */
const u16 = (x: bigint): number => Number((x * 65_535n) >> 32n)

function normalise(values: readonly bigint[]): bigint[] {
  const total = sum(values)
  return total === 0n ? [...values] : values.map((value) => div(value, total))
}

function matrix(rows: SparseRows, n: number): Matrix {
  return Array.from({ length: n }, (_, i) => {
    const entries: [number, bigint][] = []
    for (let at = rows.offsets[i]!; at < rows.offsets[i + 1]!; at++) entries.push([rows.uids[at]!, BigInt(rows.values[at]!) << 32n])
    return new Map(entries)
  })
}

/** `change` of every entry; what it makes undefined is removed. */
const mapEntries = (m: Matrix, change: (value: bigint, i: number, j: number) => bigint | undefined): Matrix =>
  m.map((row, i) => {
    const kept = new Map<number, bigint>()
    for (const [j, value] of row) {
      const changed = change(value, i, j)
      if (changed !== undefined) kept.set(j, changed)
    }
    return kept
  })

const columnOf = (m: Matrix, j: number): bigint[] => m.map((row) => row.get(j) ?? 0n)

/** Every column divided by `by(column)`, where that is not 0. */
function divideColumns(m: Matrix, n: number, by: (column: bigint[]) => bigint): Matrix {
  const divisors = Array.from({ length: n }, (_, j) => by(columnOf(m, j)))
  return mapEntries(m, (value, _, j) => (divisors[j] === 0n ? value : div(value, divisors[j]!)))
}

/** Σ_i A_i·M_ij of every column. */
function weighColumns(m: Matrix, n: number, stake: readonly bigint[]): bigint[] {
  const sums = Array.from({ length: n }, () => 0n)
  m.forEach((row, i) => {
    for (const [j, value] of row) sums[j] = sums[j]! + mul(stake[i]!, value)
  })
  return sums
}

/** Step 7, by the partitioning that the definition describes. Each vote is the score that a row gives and its stake. */
export function weightedMedian(votes: readonly { score: bigint; stake: bigint }[], majority: bigint): bigint {
  const stakeOf = (part: readonly { stake: bigint }[]): bigint => sum(part.map(({ stake }) => stake))
  const total = stakeOf(votes)
  const minority = total - majority
  let [part, lo, hi] = [votes, 0n, total]
  for (;;) {
    if (part.length === 0) return 0n
    const pivot = part[Math.floor(part.length / 2)]!.score
    const lower = part.filter(({ score }) => score < pivot)
    const upper = part.filter(({ score }) => score > pivot)
    const [belowStake, aboveStake] = [stakeOf(lower), stakeOf(upper)]
    if (lo + belowStake <= minority && minority < hi - aboveStake) return pivot
    if (minority < lo + belowStake && lower.length > 0) {
      hi = lo + belowStake
      part = lower
    } else if (hi - aboveStake <= minority && upper.length > 0) {
      lo = hi - aboveStake
      part = upper
    } else return pivot
  }
}

/** Step 3: of equal shares the higher uid wins. */
function permits(share: readonly bigint[], k: number): boolean[] {
  const order = share.map((_, uid) => uid).sort((a, b) => (share[a]! < share[b]! ? -1 : share[a]! > share[b]! ? 1 : 0))
  const chosen = new Set(k === 0 ? [] : order.slice(-k))
  return share.map((_, uid) => chosen.has(uid))
}

/** Steps 7 and 8. */
function consensusOf(weights: Matrix, n: number, activeStake: readonly bigint[], kappa: number): bigint[] {
  const voters = activeStake.flatMap((stake, i) => (stake > 0n ? [i] : []))
  const shares = normalise(voters.map((i) => activeStake[i]!))
  const majority = (BigInt(kappa) << 32n) / 65_535n
  return Array.from({ length: n }, (_, j) => {
    const votes = voters.map((i, at) => ({ score: weights[i]!.get(j) ?? 0n, stake: shares[at]! }))
    return weightedMedian(votes, majority)
  })
}

/** Steps 10 to 12. `clipped` is W of step 8; stale entries are already gone from `bonds`. */
function movingAverage(clipped: Matrix, bonds: Matrix, activeStake: readonly bigint[], input: EpochInput): Matrix {
  const { n } = input
  const old = divideColumns(bonds, n, sum)
  const fresh = divideColumns(
    mapEntries(clipped, (weight, i) => mul(weight, activeStake[i]!)),
    n,
    sum,
  )
  const alpha = ONE - (input.bondsMovingAverage << 32n) / 1_000_000n
  const mixed = old.map((row, i) => {
    const uids = [...new Set([...row.keys(), ...fresh[i]!.keys()])].sort((a, b) => a - b)
    const values = uids.map((j): [number, bigint] => [j, mul(alpha, fresh[i]!.get(j) ?? 0n) + mul(ONE - alpha, row.get(j) ?? 0n)])
    return new Map(values.filter(([, value]) => value > 0n))
  })
  return divideColumns(mixed, n, sum)
}

/** Step 16. */
function storedBonds(ema: Matrix, newPermit: readonly boolean[], input: EpochInput): SparseRows {
  const upscaled = divideColumns(ema, input.n, max)
  const rows = upscaled.map((row, i): [number, number][] => {
    if (newPermit[i] === true) return [...row].map(([j, value]) => [j, u16(value)])
    if (input.validatorPermit[i] === 1) return []
    const { offsets, uids, values } = input.bonds
    return Array.from({ length: offsets[i + 1]! - offsets[i]! }, (_, at) => [uids[offsets[i]! + at]!, values[offsets[i]! + at]!])
  })
  const offsets = [0]
  for (const row of rows) offsets.push(offsets.at(-1)! + row.length)
  const entries = rows.flat()
  return {
    offsets: Uint32Array.from(offsets),
    uids: Uint16Array.from(entries, ([uid]) => uid),
    values: Uint16Array.from(entries, ([, value]) => value),
  }
}

/** Step 14. */
function sharesOf(incentive: bigint[], dividends: bigint[], activeStake: bigint[], stakeShare: bigint[]) {
  const combined = incentive.map((value, i) => value + dividends[i]!)
  const total = sum(combined)
  if (total === 0n) {
    const idle = sum(activeStake) === 0n ? stakeShare : activeStake
    return { server: incentive.map(() => 0n), validator: idle, combined: idle }
  }
  return {
    server: incentive.map((value) => div(value, total)),
    validator: dividends.map((value) => div(value, total)),
    combined: normalise(combined),
  }
}

function pruningOf(combined: readonly bigint[]): Uint16Array {
  const largest = max(combined)
  const scale = (share: bigint): number => (largest === 0n ? u16(share) : Number((div(share * 65_535n, largest) + ONE / 2n) >> 32n))
  return Uint16Array.from(combined, scale)
}

function epoch(input: EpochInput): EpochOutput {
  checkEpochInput(input)
  const { n } = input
  const permitted = [...input.validatorPermit].map((permit) => permit === 1)
  const active = [...input.lastUpdate].map((update) => update + BigInt(input.activityCutoff) >= input.block)
  const stakes = [...input.stake]
  const stake = sum(stakes)
  const share = stakes.map((value) => (stake === 0n ? 0n : ((value << 128n) / (stake << 64n)) >> 32n))
  const newPermit = permits(share, input.maxAllowedValidators)
  const activeStake = normalise(share.map((value, i) => (active[i]! && permitted[i]! ? value : 0n)))

  const stale = (i: number, j: number): boolean => input.lastUpdate[i]! <= input.blockAtRegistration[j]!
  const usable = mapEntries(matrix(input.weights, n), (value, i, j) => (permitted[i]! && i !== j && !stale(i, j) ? value : undefined))
  const rowSums = usable.map((row) => sum(row.values()))
  const weights = mapEntries(usable, (value, i) => (rowSums[i] === 0n ? value : div(value, rowSums[i]!)))
  const prerank = weighColumns(weights, n, activeStake)
  const consensus = consensusOf(weights, n, activeStake, input.kappa)
  const clipped = mapEntries(weights, (value, _, j) => min(value, consensus[j]!))
  const rank = weighColumns(clipped, n, activeStake)
  const trust = rank.map((value, j) => (prerank[j] === 0n ? 0n : div(value, prerank[j]!)))
  const incentive = normalise(rank)

  const bonds = mapEntries(matrix(input.bonds, n), (value, i, j) => (stale(i, j) ? undefined : value))
  const ema = movingAverage(clipped, bonds, activeStake, input)
  const dividends = normalise(ema.map((row) => sum([...row].map(([j, value]) => mul(incentive[j]!, value)))))
  const shares = sharesOf(incentive, dividends, activeStake, share)

  const u16s = (values: readonly bigint[]): Uint16Array => Uint16Array.from(values, u16)
  const emit = (values: readonly bigint[]): BigUint64Array => BigUint64Array.from(values, (value) => (value * input.emission) >> 32n)
  return {
    rank: u16s(incentive),
    trust: u16s(trust),
    consensus: u16s(consensus),
    incentive: u16s(incentive),
    dividends: u16s(dividends),
    validatorTrust: u16s(clipped.map((row) => sum(row.values()))),
    pruningScores: pruningOf(shares.combined),
    emission: emit(shares.combined),
    serverEmission: emit(shares.server),
    validatorEmission: emit(shares.validator),
    active: Uint8Array.from(active, Number),
    validatorPermit: Uint8Array.from(newPermit, Number),
    bonds: storedBonds(ema, newPermit, input),
  }
}

/** The TypeScript twin of the addon's consensus. */
export const consensusReference: ConsensusCompute = {
  epoch,
  async whatIf(input, variants, options = {}) {
    const { fields, signal, onProgress } = options
    checkEpochInput(input)
    const outputs = []
    for (const [done, variant] of variants.entries()) {
      if (signal?.aborted === true) throw new NodeError('NATIVE_CANCELLED')
      const output = epoch(rebuiltInput(input, variant))
      outputs.push(picked(output, fields))
      onProgress?.(done + 1, variants.length)
    }
    return outputs
  },
}
