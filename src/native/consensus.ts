/** The epoch of consensus-scoring.md in native code. */
import { NodeError } from '../protocol/errors.ts'
import type { ConsensusCompute, EpochInput, EpochOutput } from '../protocol/ports/compute.ts'
import { call } from './errors.ts'

/** What this facade needs of the addon. */
export interface ConsensusBinding {
  consensusEpoch(input: EpochInput): EpochOutput
}

const u16Fields = ['activityCutoff', 'kappa', 'maxAllowedValidators'] as const

/** Numbers cross to native code modulo 2³², so what is no u16 is refused on this side. */
function checkNumbers(input: EpochInput): void {
  for (const field of u16Fields) {
    const value = input[field]
    if (!Number.isInteger(value) || value < 0 || value > 0xffff) {
      throw new NodeError('CONSENSUS_INPUT_VALUE', { detail: `${field} is not a u16` })
    }
  }
  if (input.n !== input.stake.length) {
    throw new NodeError('CONSENSUS_INPUT_LENGTH', { detail: `stake has ${input.stake.length} entries for ${input.n}` })
  }
}

/** The addon's consensus: bit-exact, synchronous, parallel inside, the same result on any number of threads. */
export const consensusCompute = (binding: ConsensusBinding): ConsensusCompute => ({
  epoch(input) {
    checkNumbers(input)
    return call(() => binding.consensusEpoch(input))
  },
})
