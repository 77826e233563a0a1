/**
 * The JSON form of variants of an epoch: a list of `{name?, stake?, weights?, kappa?, bonds_moving_average?}`, where `weights`
 * is a list of `[uid, [[uid, weight], ...]]`, the rows that replace those of the input.
 */
import { NodeError } from './errors.ts'
import type { EpochVariant } from './ports/compute.ts'

const VARIANTS_MAX = 65_536
const NEURONS_MAX = 4_096
const U16_MAX = 0xffff

type Fields = Record<string, unknown>

const malformed = (detail: string): NodeError => new NodeError('CONSENSUS_INPUT_MALFORMED', { detail })
const isRecord = (value: unknown): value is Fields => typeof value === 'object' && value !== null && !Array.isArray(value)

function list(value: unknown, field: string, max: number): unknown[] {
  if (!Array.isArray(value)) throw malformed(`${field} is not a list`)
  if (value.length > max)
    throw new NodeError('CONSENSUS_INPUT_TOO_LARGE', { detail: `${field} has ${value.length} entries, at most ${max}` })
  return value
}

function integer(value: unknown, field: string, max: number): number {
  if (typeof value !== 'number') throw malformed(`${field} is not a number`)
  if (!Number.isInteger(value) || value < 0 || value > max) {
    throw new NodeError('CONSENSUS_INPUT_VALUE', { detail: `${field} is not an integer in 0..${max}` })
  }
  return value
}

function pair(value: unknown, field: string): [unknown, unknown] {
  const entries = list(value, field, 2)
  if (entries.length !== 2) throw malformed(`${field} is not a pair`)
  return [entries[0], entries[1]]
}

function weights(value: unknown, field: string): NonNullable<EpochVariant['weights']> {
  const rows = list(value, field, NEURONS_MAX).map((entry) => {
    const [uid, row] = pair(entry, `an entry of ${field}`)
    const name = `a row of ${field}`
    const entries = list(row, name, NEURONS_MAX).map((one): [number, number] => {
      const [column, weight] = pair(one, `an entry of ${name}`)
      return [integer(column, `a uid of ${name}`, U16_MAX), integer(weight, `a weight of ${name}`, U16_MAX)]
    })
    return { uid: integer(uid, `a uid of ${field}`, U16_MAX), entries }
  })
  const offsets = new Uint32Array(rows.length + 1)
  rows.forEach(({ entries }, k) => (offsets[k + 1] = offsets[k]! + entries.length))
  const all = rows.flatMap(({ entries }) => entries)
  return {
    uids: Uint16Array.from(rows, ({ uid }) => uid),
    rows: { offsets, uids: Uint16Array.from(all, ([uid]) => uid), values: Uint16Array.from(all, ([, weight]) => weight) },
  }
}

/** A variant and what it is called. */
interface NamedVariant {
  name: string
  variant: EpochVariant
}

/** @throws NodeError CONSENSUS_INPUT_MALFORMED, _TOO_LARGE or _VALUE */
export function variantsFromJson(document: unknown): NamedVariant[] {
  return list(document, 'the variants', VARIANTS_MAX).map((value, i) => {
    if (!isRecord(value)) throw malformed(`variant ${i} is not an object`)
    const { name, stake, weights: rows, kappa, bonds_moving_average: average } = value
    const field = (part: string): string => `${part} of variant ${i}`
    const stakes = (): BigUint64Array =>
      BigUint64Array.from(list(stake, field('stake'), NEURONS_MAX), (one) => BigInt(integer(one, field('stake'), Number.MAX_SAFE_INTEGER)))
    return {
      name: typeof name === 'string' ? name : `variant ${i}`,
      variant: {
        ...(stake !== undefined && { stake: stakes() }),
        ...(rows !== undefined && { weights: weights(rows, field('weights')) }),
        ...(kappa !== undefined && { kappa: integer(kappa, field('kappa'), U16_MAX) }),
        ...(average !== undefined && {
          bondsMovingAverage: BigInt(integer(average, field('bonds_moving_average'), Number.MAX_SAFE_INTEGER)),
        }),
      },
    }
  })
}
