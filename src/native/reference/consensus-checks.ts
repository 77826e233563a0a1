/** What the twin of the epoch refuses before it scores: the list of consensus-scoring.md, and nothing else. */
import type { ErrorCode } from '../../protocol/errors.ts'
import { NodeError } from '../../protocol/errors.ts'
import type { EpochInput, SparseRows } from '../../protocol/ports/compute.ts'

/** Neurons in one market. Up to here no sum of u16 weights in the epoch can overflow. */
const NEURONS_MAX = 4_096
/** One more than the largest stake sum, emission or block number. */
const LIMIT = 2n ** 63n
const MILLION = 1_000_000n

function demand(holds: boolean, code: ErrorCode, detail: string): void {
  if (!holds) throw new NodeError(code, { detail })
}

function checkRows(list: string, rows: SparseRows, n: number): void {
  const { offsets, uids, values } = rows
  demand(offsets.length === n + 1, 'CONSENSUS_INPUT_LENGTH', `${list} has ${offsets.length - 1} rows for ${n}`)
  demand(uids.length === values.length, 'CONSENSUS_INPUT_LENGTH', `${list} has ${values.length} values for ${uids.length} uids`)
  demand(offsets[0] === 0 && offsets[n] === uids.length, 'CONSENSUS_INPUT_ROW', `the offsets of ${list} do not span its entries`)
  for (let row = 0; row < n; row++) {
    const [from, to] = [offsets[row]!, offsets[row + 1]!]
    demand(from <= to && to <= uids.length, 'CONSENSUS_INPUT_ROW', `${list} row ${row}: its offsets do not increase`)
    for (let at = from; at < to; at++) {
      demand(uids[at]! < n, 'CONSENSUS_INPUT_ROW', `${list} row ${row}: a uid is not below n`)
      demand(at === from || uids[at - 1]! < uids[at]!, 'CONSENSUS_INPUT_ROW', `${list} row ${row}: its uids do not strictly increase`)
    }
  }
}

const isU16 = (value: number): boolean => Number.isInteger(value) && value >= 0 && value <= 0xffff
const below = (limit: bigint, value: bigint): boolean => value >= 0n && value < limit

/** @throws NodeError CONSENSUS_INPUT_TOO_LARGE, _LENGTH, _ROW or _VALUE */
export function checkEpochInput(input: EpochInput): void {
  const { n } = input
  demand(n <= NEURONS_MAX, 'CONSENSUS_INPUT_TOO_LARGE', `${n} neurons, ${NEURONS_MAX} are the most`)
  for (const list of ['stake', 'lastUpdate', 'blockAtRegistration', 'validatorPermit'] as const) {
    demand(input[list].length === n, 'CONSENSUS_INPUT_LENGTH', `${list} has ${input[list].length} entries for ${n}`)
  }
  checkRows('weights', input.weights, n)
  checkRows('bonds', input.bonds, n)
  const value = (holds: boolean, field: string): void => demand(holds, 'CONSENSUS_INPUT_VALUE', `${field} is out of range`)
  value([...input.stake].reduce((sum, stake) => sum + stake, 0n) < LIMIT, 'stake')
  value(below(LIMIT, input.emission), 'emission')
  value(below(MILLION + 1n, input.bondsMovingAverage), 'bondsMovingAverage')
  value(below(LIMIT, input.block), 'block')
  for (const list of ['lastUpdate', 'blockAtRegistration'] as const) {
    value(
      input[list].every((block) => block < LIMIT),
      list,
    )
  }
  value(
    input.validatorPermit.every((permit) => permit <= 1),
    'validatorPermit',
  )
  for (const field of ['activityCutoff', 'kappa', 'maxAllowedValidators'] as const) value(isU16(input[field]), field)
}
