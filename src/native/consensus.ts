/** The epoch of consensus-scoring.md in native code. */
import { NodeError } from '../protocol/errors.ts'
import type { ConsensusCompute, EpochInput, EpochOutput, EpochVariant, SparseRows } from '../protocol/ports/compute.ts'
import { checkArray, checkNumbers as checkBlocks, checkObject } from './argument.ts'
import { call, long, type JobHandle } from './errors.ts'

/** What this facade needs of the addon. */
export interface ConsensusBinding<J extends JobHandle = JobHandle> {
  Job: new () => J
  consensusEpoch(input: EpochInput): EpochOutput
  consensusWhatIf(job: J, input: EpochInput, variants: FlatVariant[], depth: number): Promise<EpochOutput[]>
}

/** A variant as it crosses to native code. */
interface FlatVariant {
  stake?: BigUint64Array
  uids?: Uint16Array
  rows?: SparseRows
  kappa?: number
  bondsMovingAverage?: bigint
}

/** Variants in one call. */
const VARIANTS_MAX = 65_536
const u16Fields = ['activityCutoff', 'kappa', 'maxAllowedValidators'] as const

function checkU16(field: string, value: number): void {
  if (!Number.isInteger(value) || value < 0 || value > 0xffff) {
    throw new NodeError('CONSENSUS_INPUT_VALUE', { detail: `${field} is not a u16` })
  }
}

function checkRows(name: string, rows: SparseRows): void {
  checkObject(name, rows)
  checkArray(`${name}.offsets`, rows.offsets, Uint32Array)
  checkArray(`${name}.uids`, rows.uids, Uint16Array)
  checkArray(`${name}.values`, rows.values, Uint16Array)
}

/** Numbers cross to native code modulo 2³², so what is no u16 is refused on this side, and so is shared memory. */
function checkInput(input: EpochInput): void {
  for (const list of ['stake', 'lastUpdate', 'blockAtRegistration'] as const) checkBlocks(list, input[list])
  checkArray('validatorPermit', input.validatorPermit, Uint8Array)
  for (const list of ['weights', 'bonds'] as const) checkRows(list, input[list])
  for (const field of u16Fields) checkU16(field, input[field])
  if (input.n !== input.stake.length) {
    throw new NodeError('CONSENSUS_INPUT_LENGTH', { detail: `stake has ${input.stake.length} entries for ${input.n}` })
  }
}

function flat(variant: EpochVariant): FlatVariant {
  checkObject('variant', variant)
  const { stake, weights, kappa, bondsMovingAverage } = variant
  if (stake) checkBlocks('stake', stake)
  if (weights) {
    checkArray('uids', weights.uids, Uint16Array)
    checkRows('rows', weights.rows)
  }
  if (kappa !== undefined) checkU16('kappa', kappa)
  return {
    ...(stake && { stake }),
    ...(weights && { uids: weights.uids, rows: weights.rows }),
    ...(kappa !== undefined && { kappa }),
    ...(bondsMovingAverage !== undefined && { bondsMovingAverage }),
  }
}

const everything: (keyof EpochOutput)[] = [
  'rank',
  'trust',
  'consensus',
  'incentive',
  'dividends',
  'validatorTrust',
  'pruningScores',
  'emission',
  'serverEmission',
  'validatorEmission',
  'active',
  'validatorPermit',
  'bonds',
]
const rewards = new Set<keyof EpochOutput>(['dividends', 'pruningScores', 'emission', 'serverEmission', 'validatorEmission'])

/** How far the addon must compute for these fields: 0 scores, 1 rewards, 2 bonds. */
function depthOf(fields: readonly (keyof EpochOutput)[]): number {
  if (fields.includes('bonds')) return 2
  return fields.some((field) => rewards.has(field)) ? 1 : 0
}

/** The addon's consensus: bit-exact, parallel inside, the same result on any number of threads. */
export const consensusCompute = (binding: ConsensusBinding): ConsensusCompute => ({
  epoch(input) {
    checkInput(input)
    return call(() => binding.consensusEpoch(input))
  },
  async whatIf<F extends keyof EpochOutput>(
    input: EpochInput,
    variants: readonly EpochVariant[],
    options: Parameters<ConsensusCompute['whatIf']>[2] & { fields?: readonly F[] } = {},
  ) {
    checkInput(input)
    if (variants.length > VARIANTS_MAX) {
      throw new NodeError('CONSENSUS_INPUT_TOO_LARGE', { detail: `${variants.length} variants, ${VARIANTS_MAX} are the most` })
    }
    const fields: readonly (keyof EpochOutput)[] = options.fields ?? everything
    const [changes, depth] = [variants.map(flat), depthOf(fields)]
    const outputs = await long(new binding.Job(), options, async (job) => binding.consensusWhatIf(job, input, changes, depth))
    return outputs.map((output) => Object.fromEntries(fields.map((field) => [field, output[field]])) as Pick<EpochOutput, F>)
  },
})
