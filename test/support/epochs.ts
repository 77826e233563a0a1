/** Epoch inputs for tests: the recorded cases, and random ones made to sit on the edges of the arithmetic. */
import { readFileSync } from 'node:fs'
import * as fc from 'fast-check'
import type { EpochOutputJson, RowsJson } from '../../src/protocol/epoch-json.ts'
import type { EpochInput, SparseRows } from '../../src/protocol/ports/compute.ts'

/** The recorded cases as parsed JSON. */
export function recordedEpochs(): { input: { name: string } & Record<string, unknown>; output: EpochOutputJson }[] {
  return JSON.parse(readFileSync(new URL('../vectors/yuma-epoch.json', import.meta.url), 'utf8'))
}

export function compress(rows: RowsJson): SparseRows {
  const offsets = new Uint32Array(rows.length + 1)
  rows.forEach((row, i) => (offsets[i + 1] = offsets[i]! + row.length))
  const entries = rows.flat()
  return { offsets, uids: Uint16Array.from(entries, ([uid]) => uid), values: Uint16Array.from(entries, ([, value]) => value) }
}

export const expand = ({ offsets, uids, values }: SparseRows): RowsJson =>
  Array.from({ length: offsets.length - 1 }, (_, i) =>
    Array.from({ length: offsets[i + 1]! - offsets[i]! }, (_, at) => [uids[offsets[i]! + at]!, values[offsets[i]! + at]!]),
  )

/** Row entries that tie, vanish, saturate or look ordinary. */
const u16 = fc.oneof(fc.constantFrom(0, 1, 2, 0x7fff, 0xfffe, 0xffff), fc.integer({ min: 0, max: 3 }), fc.integer({ min: 0, max: 0xffff }))
/** Stakes: none, single rao, equal, huge; twelve of them stay below the limit of the sum. */
const stake = fc.oneof(
  fc.constantFrom(0n, 0n, 1n, 5n, 10n ** 9n, 2n ** 55n - 1n),
  fc.bigInt({ min: 0n, max: 2n ** 40n }),
  fc.bigInt({ min: 0n, max: 2n ** 55n }),
)
/** Blocks close together, so that the registration rule and the cutoff cut somewhere. */
const block = fc.bigInt({ min: 0n, max: 40n })

/** Rows of n uids, in which full, empty and even ones are common. */
export const sparseRows = (n: number): fc.Arbitrary<SparseRows> => {
  const cell = fc.option(u16, { freq: 4 })
  const row = fc.oneof(
    { weight: 6, arbitrary: fc.array(cell, { minLength: n, maxLength: n }) },
    { weight: 1, arbitrary: fc.constant<(number | null)[]>([]) },
    { weight: 1, arbitrary: fc.constant(Array.from({ length: n }, (): number | null => 0)) },
    { weight: 1, arbitrary: u16.map((value) => Array.from({ length: n }, (): number | null => value)) },
  )
  return fc
    .array(row, { minLength: n, maxLength: n })
    .map((rows) => compress(rows.map((row) => row.flatMap((value, uid): [number, number][] => (value === null ? [] : [[uid, value]])))))
}

const list = <T>(entry: fc.Arbitrary<T>, n: number) => fc.array(entry, { minLength: n, maxLength: n })

/** Any input the definition accepts, of at most `nMax` uids, with ties and extremes more often than chance would have. */
export const epochInput = (nMax = 12): fc.Arbitrary<EpochInput> =>
  fc.integer({ min: 0, max: nMax }).chain((n) =>
    fc.record({
      n: fc.constant(n),
      stake: fc
        .oneof(
          list(stake, n),
          stake.map((one) => Array.from({ length: n }, () => one)),
        )
        .map((values) => BigUint64Array.from(values)),
      weights: sparseRows(n),
      bonds: sparseRows(n),
      lastUpdate: list(block, n).map((values) => BigUint64Array.from(values)),
      blockAtRegistration: fc
        .oneof(list(block, n), fc.constant(Array.from({ length: n }, () => 0n)))
        .map((values) => BigUint64Array.from(values)),
      validatorPermit: fc
        .oneof(list(fc.integer({ min: 0, max: 1 }), n), fc.constant(Array.from({ length: n }, () => 1)))
        .map((values) => Uint8Array.from(values)),
      block: fc.bigInt({ min: 0n, max: 60n }),
      activityCutoff: fc.constantFrom(0, 5, 20, 60, 0xffff),
      kappa: fc.constantFrom(0, 1, 32_767, 32_768, 39_321, 43_690, 65_534, 65_535),
      bondsMovingAverage: fc.constantFrom(0n, 1n, 500_000n, 900_000n, 999_999n, 1_000_000n),
      maxAllowedValidators: fc.constantFrom(0, 1, 3, 64, 0xffff),
      emission: fc.constantFrom(0n, 1n, 99_000_000_000n, 2n ** 63n - 1n),
    }),
  )

/** A full matrix of n uids with ordinary stakes: large enough for the native one to use threads. */
export const denseEpoch = (n: number): fc.Arbitrary<EpochInput> => {
  const row = list(fc.integer({ min: 0, max: 0xffff }), n).map((values) => values.map((value, uid): [number, number] => [uid, value]))
  const blocks = list(fc.bigInt({ min: 20n, max: 60n }), n).map((values) => BigUint64Array.from(values))
  return fc.record({
    n: fc.constant(n),
    stake: list(fc.bigInt({ min: 0n, max: 10n ** 15n }), n).map((values) => BigUint64Array.from(values)),
    weights: list(row, n).map(compress),
    bonds: list(row, n).map(compress),
    lastUpdate: blocks,
    blockAtRegistration: list(fc.bigInt({ min: 0n, max: 25n }), n).map((values) => BigUint64Array.from(values)),
    validatorPermit: list(fc.integer({ min: 0, max: 1 }), n).map((values) => Uint8Array.from(values)),
    block: fc.constant(60n),
    activityCutoff: fc.constant(30),
    kappa: fc.constant(32_767),
    bondsMovingAverage: fc.constant(900_000n),
    maxAllowedValidators: fc.constant(64),
    emission: fc.constant(99_000_000_000n),
  })
}

type Draw = (below: number) => number
type Cell = (row: number, uid: number) => number | null

/** 4,096 uids, the most there can be, of whom the first 64 are validators with `cell` for weights and bonds. */
function widest(stake: (row: number) => bigint, cell: Cell, over: Partial<EpochInput> = {}): EpochInput {
  const [n, validators] = [4_096, 64]
  const rows = (): SparseRows =>
    compress(
      Array.from({ length: n }, (_, row) =>
        row >= validators
          ? []
          : Array.from({ length: n }, (_, uid) => [uid, cell(row, uid)] as const).filter((one): one is [number, number] => one[1] !== null),
      ),
    )
  return {
    n,
    stake: BigUint64Array.from({ length: n }, (_, row) => (row < validators ? stake(row) : 0n)),
    weights: rows(),
    bonds: rows(),
    lastUpdate: new BigUint64Array(n).fill(90n),
    blockAtRegistration: new BigUint64Array(n),
    validatorPermit: Uint8Array.from({ length: n }, (_, row) => Number(row < validators)),
    block: 100n,
    activityCutoff: 50,
    kappa: 32_767,
    bondsMovingAverage: 900_000n,
    maxAllowedValidators: validators,
    emission: 99_000_000_000n,
    ...over,
  }
}

/** Markets as large as the definition allows that a twin computes in seconds. */
export const widestMarkets: [string, (draw: Draw) => EpochInput][] = [
  [
    'full rows',
    (draw) =>
      widest(
        () => BigInt(1 + draw(2 ** 31)) << 16n,
        () => draw(65_536),
      ),
  ],
  // Rows of equal sums, one half of an equal stake on either side of every column's median.
  [
    'ties at the median',
    () =>
      widest(
        () => 1_000_000_000n,
        (row, uid) => 1_000 * (1 + ((row + uid) % 2)),
      ),
  ],
  [
    'u16 extremes and holes, some of them by a late registration',
    (draw) =>
      widest(
        () => BigInt(draw(4)) << 40n,
        () => [0, 1, 65_535, null][draw(4)] ?? null,
        { blockAtRegistration: BigUint64Array.from({ length: 4_096 }, () => BigInt(80 + draw(20))) },
      ),
  ],
]
