/** Variants of an epoch as the port words them: the input is rebuilt with each, then scored. */
import { NodeError } from '../../protocol/errors.ts'
import type { EpochInput, EpochOutput, EpochVariant, SparseRows } from '../../protocol/ports/compute.ts'

/** `rows` with other entries in some of them. */
function replaced(rows: SparseRows, { uids, rows: others }: NonNullable<EpochVariant['weights']>): SparseRows {
  const n = rows.offsets.length - 1
  if (others.offsets.length !== uids.length + 1 || others.uids.length !== others.values.length || uids.some((uid) => uid >= n)) {
    throw new NodeError('CONSENSUS_INPUT_ROW', { detail: 'the rows of a variant do not fit its uids' })
  }
  const place = new Map(Array.from(uids, (uid, k) => [uid, k]))
  const offsets = new Uint32Array(n + 1)
  const [columns, values]: [number[], number[]] = [[], []]
  for (let i = 0; i < n; i++) {
    const k = place.get(i)
    const [from, at] = k === undefined ? [rows, i] : [others, k]
    for (let entry = from.offsets[at]!; entry < from.offsets[at + 1]!; entry++) {
      columns.push(from.uids[entry]!)
      values.push(from.values[entry]!)
    }
    offsets[i + 1] = columns.length
  }
  return { offsets, uids: Uint16Array.from(columns), values: Uint16Array.from(values) }
}

/** The input that a variant stands for. @throws CONSENSUS_INPUT_ROW */
export function rebuiltInput(input: EpochInput, variant: EpochVariant): EpochInput {
  return {
    ...input,
    stake: variant.stake ?? input.stake,
    weights: variant.weights ? replaced(input.weights, variant.weights) : input.weights,
    kappa: variant.kappa ?? input.kappa,
    bondsMovingAverage: variant.bondsMovingAverage ?? input.bondsMovingAverage,
  }
}

/** The fields asked for of an output; all of it where none are named. */
export function picked<F extends keyof EpochOutput>(output: EpochOutput, fields: readonly F[] | undefined): Pick<EpochOutput, F> {
  if (!fields) return output
  const all: readonly (keyof EpochOutput)[] = fields
  return Object.fromEntries(all.map((field) => [field, output[field]])) as Pick<EpochOutput, F>
}
