/**
 * Time of one epoch. What the twin can do in seconds is compared with it first; the largest market is too much for the
 * twin, so there its laws are checked instead.
 */
import { expect, test } from 'vitest'
import { loadAddon } from '../src/native/addon.ts'
import { consensusReference } from '../src/native/reference/consensus.ts'
import type { EpochInput, SparseRows } from '../src/protocol/ports/compute.ts'
import { numbers } from '../test/support/games.ts'

const consensus = loadAddon().consensus

function full(rows: number, n: number, next: (below: number) => number): SparseRows {
  const offsets = Uint32Array.from({ length: n + 1 }, (_, i) => Math.min(i, rows) * n)
  return {
    offsets,
    uids: Uint16Array.from({ length: rows * n }, (_, at) => at % n),
    values: Uint16Array.from({ length: rows * n }, () => 1 + next(65_535)),
  }
}

/** n uids of which the first `rows` are validators that rate everybody and hold bonds of everybody. */
function market(rows: number, n: number): EpochInput {
  const next = numbers(rows * n)
  return {
    n,
    stake: BigUint64Array.from({ length: n }, (_, i) => (i < rows ? BigInt(1 + next(2 ** 31)) << 16n : 0n)),
    weights: full(rows, n, next),
    bonds: full(rows, n, next),
    lastUpdate: new BigUint64Array(n).fill(90n),
    blockAtRegistration: new BigUint64Array(n),
    validatorPermit: Uint8Array.from({ length: n }, (_, i) => Number(i < rows)),
    block: 100n,
    activityCutoff: 50,
    kappa: 32_767,
    bondsMovingAverage: 900_000n,
    maxAllowedValidators: rows,
    emission: 99_000_000_000n,
  }
}

test('epoch of 256 x 256', { timeout: 300_000 }, async ({ bench }) => {
  const input = market(256, 256)
  expect(consensus.epoch(input)).toEqual(consensusReference.epoch(input))
  await bench.compare(
    bench('addon', () => void consensus.epoch(input)),
    bench('twin', () => void consensusReference.epoch(input)),
    { time: 1_000, iterations: 5 },
  )
})

test('128 x 4096', { timeout: 300_000 }, async ({ bench }) => {
  const input = market(128, 4_096)
  expect(consensus.epoch(input)).toEqual(consensusReference.epoch(input))
  await bench('consensus.epoch.128x4096', () => {
    consensus.epoch(input)
  }).run({ time: 1_000, iterations: 10, warmupTime: 200 })
})

test('4096 x 4096', { timeout: 300_000 }, async ({ bench }) => {
  const n = 4_096
  const input = market(n, n)
  const { bonds, emission } = consensus.epoch(input)
  const columns = new Uint16Array(n)
  bonds.uids.forEach((uid, at) => (columns[uid] = Math.max(columns[uid]!, bonds.values[at]!)))
  expect(columns.every((largest) => largest === 65_535)).toBe(true)
  expect(emission.reduce((sum, rao) => sum + rao, 0n) <= input.emission).toBe(true)
  await bench(`consensus.epoch.${n}x${n}`, () => {
    consensus.epoch(input)
  }).run({ time: 2_000, iterations: 5, warmupIterations: 1, warmupTime: 0 })
})

test.for([
  [256, 256],
  [128, 4_096],
] as const)('what-if %i x %i', { timeout: 300_000 }, async ([rows, n], { bench }) => {
  const input = market(rows, n)
  const variants = Array.from({ length: 64 }, (_, i) => ({ kappa: 1_000 * i }))
  const outputs = await consensus.whatIf(input, variants)
  variants.forEach(({ kappa }, i) => expect(outputs[i]).toEqual(consensus.epoch({ ...input, kappa })))
  await bench(`consensus.what-if.64.${rows}x${n}`, async () => {
    await consensus.whatIf(input, variants)
  }).run({ time: 1_000, iterations: 3, warmupIterations: 1, warmupTime: 0 })
  await bench(`consensus.what-if.64.${rows}x${n}.incentive`, async () => {
    await consensus.whatIf(input, variants, { fields: ['incentive'] })
  }).run({ time: 1_000, iterations: 3, warmupIterations: 1, warmupTime: 0 })
})
