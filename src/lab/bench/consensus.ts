/** Epochs of three sizes of market. The smallest is checked against the TypeScript twin, all against their laws. */
import { consensusReference } from '../../native/reference/consensus.ts'
import { demand, type Found, type Subject } from './measure.ts'
import { EPOCHS, epochInput, stepKinds } from './step-kinds.ts'
import { measureSteps } from './steps.ts'

/** Larger markets take the twin minutes. */
const TWIN_ENTRIES_MAX = 70_000

export const consensus: Subject = async function* (context): AsyncGenerator<Found> {
  const scorer = context.compute.consensus
  const kinds = stepKinds(context.compute, context.seed, context.threads)
  for (const [rows, uids] of EPOCHS) {
    const step = kinds.get(`consensus.epoch.${rows}x${uids}`)
    if (step === undefined) continue
    context.onBegin(step.metric)
    const input = epochInput(context.seed, rows, uids)
    const output = scorer.epoch(input)
    if (rows * uids <= TWIN_ENTRIES_MAX) {
      const twin = consensusReference.epoch(input)
      const same = (name: 'incentive' | 'dividends' | 'emission'): boolean => output[name].every((one, i) => one === twin[name][i])
      demand(same('incentive') && same('dividends') && same('emission'), `the epoch of ${rows}x${uids}`)
    }
    const paid = output.emission.reduce((sum, one) => sum + one, 0n)
    demand(paid <= input.emission && paid >= input.emission - BigInt(uids), `the emission of ${rows}x${uids}`)
    demand(
      output.incentive.some((one) => one > 0),
      `the incentive of ${rows}x${uids}`,
    )
    yield await measureSteps(context, step)
  }
}
