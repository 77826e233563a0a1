/**
 * The JSON form of an epoch's inputs and outputs, as test/vectors/yuma-epoch.json has it: names of consensus-scoring.md
 * in snake case, sparse rows as lists of [uid, value], every number a JSON number below 2⁵³.
 */
import { NodeError } from './errors.ts'
import type { EpochInput, EpochOutput, SparseRows } from './ports/compute.ts'

/** Most neurons that an epoch accepts; longer lists are refused before anything is allocated for them. */
const NEURONS_MAX = 4_096
const U16_MAX = 0xffff

export type RowsJson = [uid: number, value: number][][]

/** Outputs in the order in which the vectors print them. */
export interface EpochOutputJson {
  rank: number[]
  trust: number[]
  consensus: number[]
  incentive: number[]
  dividends: number[]
  emission: number[]
  validator_trust: number[]
  pruning_scores: number[]
  active: boolean[]
  validator_permit: boolean[]
  bonds: RowsJson
  server_emission: number[]
  validator_emission: number[]
}

type Fields = Record<string, unknown>

const malformed = (detail: string): NodeError => new NodeError('CONSENSUS_INPUT_MALFORMED', { detail })
const isRecord = (value: unknown): value is Fields => typeof value === 'object' && value !== null && !Array.isArray(value)

function integer(value: unknown, field: string, max: number): number {
  if (typeof value !== 'number') throw malformed(`${field} is not a number`)
  if (!Number.isInteger(value) || value < 0 || value > max) {
    throw new NodeError('CONSENSUS_INPUT_VALUE', { detail: `${field} is not an integer in 0..${max}` })
  }
  return value
}

function list(value: unknown, field: string): unknown[] {
  if (!Array.isArray(value)) throw malformed(`${field} is not a list`)
  return value
}

function ofLength(value: unknown, field: string, n: number): unknown[] {
  const entries = list(value, field)
  if (entries.length !== n) throw new NodeError('CONSENSUS_INPUT_LENGTH', { detail: `${field} has ${entries.length} entries for ${n}` })
  return entries
}

const u64s = (value: unknown, field: string, n: number): BigUint64Array =>
  BigUint64Array.from(ofLength(value, field, n), (entry) => BigInt(integer(entry, field, Number.MAX_SAFE_INTEGER)))

const bools = (value: unknown, field: string, n: number): Uint8Array =>
  Uint8Array.from(ofLength(value, field, n), (entry) => {
    if (typeof entry !== 'boolean') throw malformed(`${field} holds something that is neither true nor false`)
    return Number(entry)
  })

function rows(value: unknown, field: string, n: number): SparseRows {
  const lists = ofLength(value, field, n).map((row, i) => {
    const entries = list(row, `${field} row ${i}`)
    if (entries.length > n) throw new NodeError('CONSENSUS_INPUT_ROW', { detail: `${field} row ${i} has more than n entries` })
    return entries
  })
  const offsets = new Uint32Array(n + 1)
  lists.forEach((entries, i) => (offsets[i + 1] = offsets[i]! + entries.length))
  const [uids, values] = [new Uint16Array(offsets[n]!), new Uint16Array(offsets[n]!)]
  lists.forEach((entries, i) =>
    entries.forEach((entry, at) => {
      const pair = list(entry, `an entry of ${field} row ${i}`)
      if (pair.length !== 2) throw malformed(`an entry of ${field} row ${i} is not [uid, value]`)
      uids[offsets[i]! + at] = integer(pair[0], `a uid of ${field} row ${i}`, U16_MAX)
      values[offsets[i]! + at] = integer(pair[1], `a value of ${field} row ${i}`, U16_MAX)
    }),
  )
  return { offsets, uids, values }
}

/**
 * One input object of the vectors' shape; `name` and unknown keys are ignored.
 * @throws NodeError CONSENSUS_INPUT_MALFORMED for a missing field or a wrong kind of value, else as the epoch itself
 */
export function epochInputFromJson(value: unknown): EpochInput {
  if (!isRecord(value)) throw malformed('an epoch is not an object')
  const number = (field: string, max: number): number => integer(value[field], field, max)
  const n = number('n', Number.MAX_SAFE_INTEGER)
  if (n > NEURONS_MAX) throw new NodeError('CONSENSUS_INPUT_TOO_LARGE', { detail: `${n} neurons, ${NEURONS_MAX} are the most` })
  return {
    n,
    stake: u64s(value['stake'], 'stake', n),
    weights: rows(value['weights'], 'weights', n),
    bonds: rows(value['bonds'], 'bonds', n),
    lastUpdate: u64s(value['last_update'], 'last_update', n),
    blockAtRegistration: u64s(value['block_at_registration'], 'block_at_registration', n),
    validatorPermit: bools(value['validator_permit'], 'validator_permit', n),
    block: BigInt(number('block', Number.MAX_SAFE_INTEGER)),
    activityCutoff: number('activity_cutoff', U16_MAX),
    kappa: number('kappa', U16_MAX),
    bondsMovingAverage: BigInt(number('bonds_moving_average', Number.MAX_SAFE_INTEGER)),
    maxAllowedValidators: number('max_allowed_validators', U16_MAX),
    emission: BigInt(number('emission', Number.MAX_SAFE_INTEGER)),
  }
}

/** All epochs of a document: a list of `{input, output}`, a list of inputs, or one of either. */
export function epochInputsFromJson(document: unknown): EpochInput[] {
  const cases = Array.isArray(document) ? document : [document]
  return cases.map((entry: unknown) => epochInputFromJson(isRecord(entry) && 'input' in entry ? entry['input'] : entry))
}

const rowsToJson = ({ offsets, uids, values }: SparseRows): RowsJson =>
  Array.from({ length: offsets.length - 1 }, (_, i) => {
    const from = offsets[i]!
    return Array.from({ length: offsets[i + 1]! - from }, (_, at): [number, number] => [uids[from + at]!, values[from + at]!])
  })

const flags = (values: Uint8Array): boolean[] => Array.from(values, (value) => value === 1)

/** An output in the vectors' shape. Emissions are at most the emission of the input, so below 2⁵³ where that came from JSON. */
export function epochOutputToJson(output: EpochOutput): EpochOutputJson {
  return {
    rank: [...output.rank],
    trust: [...output.trust],
    consensus: [...output.consensus],
    incentive: [...output.incentive],
    dividends: [...output.dividends],
    emission: Array.from(output.emission, Number),
    validator_trust: [...output.validatorTrust],
    pruning_scores: [...output.pruningScores],
    active: flags(output.active),
    validator_permit: flags(output.validatorPermit),
    bonds: rowsToJson(output.bonds),
    server_emission: Array.from(output.serverEmission, Number),
    validator_emission: Array.from(output.validatorEmission, Number),
  }
}
