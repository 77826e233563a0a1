/** The contract of `ConsensusCompute`: recorded outputs to the last bit, and exactly the refusals of the definition. */
import { describe, expect, test } from 'vitest'
import { epochInputFromJson, epochOutputToJson } from '../../src/protocol/epoch-json.ts'
import type { ConsensusCompute, EpochInput } from '../../src/protocol/ports/compute.ts'
import { recordedEpochs } from '../support/epochs.ts'

const rows = (offsets: number[], uids: number[], values: number[]) => ({
  offsets: Uint32Array.from(offsets),
  uids: Uint16Array.from(uids),
  values: Uint16Array.from(values),
})
const none = rows([0, 0, 0], [], [])
const two = (): EpochInput => ({
  n: 2,
  stake: BigUint64Array.of(1n, 2n),
  weights: rows([0, 1, 1], [1], [7]),
  bonds: none,
  lastUpdate: BigUint64Array.of(9n, 9n),
  blockAtRegistration: BigUint64Array.of(0n, 0n),
  validatorPermit: Uint8Array.of(1, 1),
  block: 10n,
  activityCutoff: 5,
  kappa: 32_767,
  bondsMovingAverage: 900_000n,
  maxAllowedValidators: 2,
  emission: 1_000n,
})

const limit = 2n ** 63n
const accepted: [string, Partial<EpochInput>][] = [
  ['a stake sum one below 2⁶³', { stake: BigUint64Array.of(limit - 2n, 1n) }],
  ['an emission one below 2⁶³', { emission: limit - 1n }],
  ['bonds that never move', { bondsMovingAverage: 1_000_000n }],
  [
    'blocks one below 2⁶³',
    { block: limit - 1n, lastUpdate: BigUint64Array.of(limit - 1n, 0n), blockAtRegistration: BigUint64Array.of(0n, limit - 1n) },
  ],
  ['an entry with value 0', { weights: rows([0, 1, 1], [1], [0]) }],
  ['an entry on the diagonal', { weights: rows([0, 1, 1], [0], [9]) }],
]
const refused: [string, string, Partial<EpochInput>][] = [
  ['a stake sum of 2⁶³', 'CONSENSUS_INPUT_VALUE', { stake: BigUint64Array.of(limit - 1n, 1n) }],
  ['an emission of 2⁶³', 'CONSENSUS_INPUT_VALUE', { emission: limit }],
  ['a negative emission', 'CONSENSUS_INPUT_VALUE', { emission: -1n }],
  ['an emission of 2⁶⁴', 'CONSENSUS_INPUT_VALUE', { emission: 2n ** 64n }],
  ['a bond average above a million', 'CONSENSUS_INPUT_VALUE', { bondsMovingAverage: 1_000_001n }],
  ['a block of 2⁶³', 'CONSENSUS_INPUT_VALUE', { block: limit }],
  ['an update at block 2⁶³', 'CONSENSUS_INPUT_VALUE', { lastUpdate: BigUint64Array.of(limit, 0n) }],
  ['a registration at block 2⁶³', 'CONSENSUS_INPUT_VALUE', { blockAtRegistration: BigUint64Array.of(limit, 0n) }],
  ['a permit that is neither 0 nor 1', 'CONSENSUS_INPUT_VALUE', { validatorPermit: Uint8Array.of(2, 0) }],
  ['a kappa above u16', 'CONSENSUS_INPUT_VALUE', { kappa: 65_536 }],
  ['a fractional kappa', 'CONSENSUS_INPUT_VALUE', { kappa: 0.5 }],
  ['a cutoff of 2³²', 'CONSENSUS_INPUT_VALUE', { activityCutoff: 2 ** 32 }],
  ['a negative number of validators', 'CONSENSUS_INPUT_VALUE', { maxAllowedValidators: -1 }],
  ['too few stakes', 'CONSENSUS_INPUT_LENGTH', { stake: BigUint64Array.of(1n) }],
  ['too many updates', 'CONSENSUS_INPUT_LENGTH', { lastUpdate: new BigUint64Array(3) }],
  ['too few permits', 'CONSENSUS_INPUT_LENGTH', { validatorPermit: Uint8Array.of(1) }],
  ['a missing row', 'CONSENSUS_INPUT_LENGTH', { weights: rows([0, 0], [], []) }],
  ['a missing value', 'CONSENSUS_INPUT_LENGTH', { bonds: rows([0, 1, 1], [1], []) }],
  ['a uid twice in a row', 'CONSENSUS_INPUT_ROW', { weights: rows([0, 2, 2], [1, 1], [1, 1]) }],
  ['falling uids', 'CONSENSUS_INPUT_ROW', { bonds: rows([0, 2, 2], [1, 0], [1, 1]) }],
  ['a uid that is not below n', 'CONSENSUS_INPUT_ROW', { bonds: rows([0, 1, 1], [2], [1]) }],
  ['offsets that point outside', 'CONSENSUS_INPUT_ROW', { weights: rows([0, 9, 1], [1], [1]) }],
  ['entries of no row', 'CONSENSUS_INPUT_ROW', { weights: rows([0, 0, 0], [1], [1]) }],
]

export function consensusContract(name: string, make: () => ConsensusCompute): void {
  describe(`ConsensusCompute: ${name}`, () => {
    test.each(recordedEpochs().map((entry) => [entry.input.name, entry] as const))(
      'computes %s as the runtime did',
      (_, { input, output }) => {
        expect(epochOutputToJson(make().epoch(epochInputFromJson(input)))).toEqual(output)
      },
    )

    test('scores an empty market', () => {
      const [none, rows] = [new BigUint64Array(0), { offsets: Uint32Array.of(0), uids: new Uint16Array(0), values: new Uint16Array(0) }]
      const empty = { ...two(), n: 0, stake: none, lastUpdate: none, blockAtRegistration: none, validatorPermit: new Uint8Array(0) }
      expect(make().epoch({ ...empty, weights: rows, bonds: rows }).bonds.offsets).toEqual(Uint32Array.of(0))
    })

    test.each(accepted)('accepts %s', (_, change) => {
      expect(make().epoch({ ...two(), ...change }).rank).toHaveLength(2)
    })

    test.each(refused)('refuses %s', (_, code, change) => {
      expect(() => make().epoch({ ...two(), ...change })).toThrow(expect.objectContaining({ code }))
    })

    test('refuses 4,097 neurons', () => {
      const n = 4_097
      const [u64, empty] = [
        new BigUint64Array(n),
        { offsets: new Uint32Array(n + 1), uids: new Uint16Array(0), values: new Uint16Array(0) },
      ]
      const large = {
        ...two(),
        n,
        stake: u64,
        lastUpdate: u64,
        blockAtRegistration: u64,
        validatorPermit: new Uint8Array(n),
        weights: empty,
        bonds: empty,
      }
      expect(() => make().epoch(large)).toThrow(expect.objectContaining({ code: 'CONSENSUS_INPUT_TOO_LARGE' }))
    })

    test('leaves its input as it was', () => {
      const input = two()
      make().epoch(input)
      expect(input).toEqual(two())
    })
  })
}
