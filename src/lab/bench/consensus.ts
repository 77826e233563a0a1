/** Epochs of three sizes of market, each checked on the very market that is timed. */
import { isDeepStrictEqual } from 'node:util'
import { consensusReference } from '../../native/reference/consensus.ts'
import type { EpochInput, EpochOutput } from '../../protocol/ports/compute.ts'
import { largeEpoch } from './large-epoch.ts'
import { demand, type BenchContext, type Found, type Subject } from './measure.ts'
import { EPOCHS, epochInput, stepKinds, stepsSeed } from './step-kinds.ts'
import { measureSteps, type Check } from './steps.ts'

/**
 * Markets of so many entries go through the TypeScript twin, two seconds for the most. Under a challenge it is fewer: the time of checks
 * counts against every figure of the report, and the verifier does steps again itself.
 */
const TWIN_ENTRIES_MAX = { plain: 600_000, proven: 70_000 }
/** Entries of a market that a verifier alone looks at: to check one takes two seconds, which would count against every other figure. */
const LEFT_TO_VERIFIER = 2 ** 20
const U16_MAX = 65_535
/** Of a billion: many times what the last units of both shares amount to. */
const EMISSION_TOLERANCE = 4

/** How far the addon's numbers are from shares of `whole` at most, truncated as it truncates. */
const farthest = (ours: ArrayLike<number | bigint>, shares: Float64Array, whole: number): number =>
  shares.reduce((most, share, uid) => Math.max(most, Math.abs(Number(ours[uid]) - Math.floor(share * whole))), 0)

/** Whether every validator stores of every uid what `columns` says, but for the last unit. */
function storesBonds({ bonds: { offsets, uids, values } }: EpochOutput, columns: readonly Uint16Array[]): boolean {
  const next = offsets.slice()
  for (const [uid, column] of columns.entries())
    for (let row = 0; row < column.length; row++) {
      const at = next[row] ?? 0
      const stored = at < (offsets[row + 1] ?? 0) && uids[at] === uid
      if (stored) next[row] = at + 1
      if (Math.abs((stored ? (values[at] ?? 0) : 0) - (column[row] ?? 0)) > 1) return false
    }
  return next.subarray(0, -1).every((at, row) => at === offsets[row + 1])
}

function checkLarge(input: EpochInput, output: EpochOutput, what: string): void {
  const { consensus, incentive, dividends, bonds } = largeEpoch(input)
  for (const [name, shares] of Object.entries({ consensus, incentive, dividends }))
    demand(farthest(output[name as 'consensus' | 'incentive' | 'dividends'], shares, U16_MAX) <= 1, `the ${name} of ${what}`)
  const combined = incentive.map((share, uid) => (share + (dividends[uid] ?? 0)) / 2)
  const near = farthest(output.emission, combined, Number(input.emission)) <= EMISSION_TOLERANCE
  demand(near, `the emission of ${what}`)
  demand(storesBonds(output, bonds), `the bonds of ${what}`)
}

/** @throws NodeError LAB_BENCH_WRONG */
export function checkEpoch({ compute, prove }: Pick<BenchContext, 'compute' | 'prove'>, input: EpochInput, what: string): void {
  const output = compute.consensus.epoch(input)
  if (input.weights.uids.length > TWIN_ENTRIES_MAX[prove ? 'proven' : 'plain']) checkLarge(input, output, what)
  else demand(isDeepStrictEqual(output, consensusReference.epoch(input)), what)
}

export const consensus: Subject = async function* (context): AsyncGenerator<Found> {
  const kinds = stepKinds(context.compute, context.seed, context.threads)
  for (const [rows, uids] of EPOCHS) {
    const step = kinds.get(`consensus.epoch.${rows}x${uids}`)
    if (step === undefined) continue
    const check: Check = (link) =>
      checkEpoch(context, epochInput(stepsSeed(context.seed), link, rows, uids), `the epoch of ${rows}x${uids}`)
    yield await measureSteps(context, step, context.prove && rows * uids > LEFT_TO_VERIFIER ? null : check)
  }
}
