import { describe, expect, test } from 'vitest'
import { epochInputFromJson, epochInputsFromJson, epochOutputToJson } from '../../../src/protocol/epoch-json.ts'

const input = () => ({
  name: 'two',
  n: 2,
  stake: [5, 2 ** 53 - 1],
  weights: [[[1, 65_535]], []],
  bonds: [[], [[0, 0]]],
  last_update: [1, 2],
  block_at_registration: [0, 0],
  validator_permit: [true, false],
  block: 9,
  activity_cutoff: 65_535,
  kappa: 0,
  bonds_moving_average: 900_000,
  max_allowed_validators: 64,
  emission: 7,
})

describe('the JSON form of an epoch', () => {
  test('reads lists, sparse rows and scalars', () => {
    expect(epochInputFromJson(input())).toEqual({
      n: 2,
      stake: BigUint64Array.of(5n, 2n ** 53n - 1n),
      weights: { offsets: Uint32Array.of(0, 1, 1), uids: Uint16Array.of(1), values: Uint16Array.of(65_535) },
      bonds: { offsets: Uint32Array.of(0, 0, 1), uids: Uint16Array.of(0), values: Uint16Array.of(0) },
      lastUpdate: BigUint64Array.of(1n, 2n),
      blockAtRegistration: BigUint64Array.of(0n, 0n),
      validatorPermit: Uint8Array.of(1, 0),
      block: 9n,
      activityCutoff: 65_535,
      kappa: 0,
      bondsMovingAverage: 900_000n,
      maxAllowedValidators: 64,
      emission: 7n,
    })
  })

  test('takes cases with outputs, bare inputs, and one of either', () => {
    const bare = epochInputFromJson(input())
    expect(epochInputsFromJson([{ input: input(), output: {} }, input()])).toEqual([bare, bare])
    expect(epochInputsFromJson(input())).toEqual([bare])
    expect(epochInputsFromJson({ input: input() })).toEqual([bare])
  })

  test.each([
    ['a missing list', 'CONSENSUS_INPUT_MALFORMED', { stake: undefined }],
    ['text where a number belongs', 'CONSENSUS_INPUT_MALFORMED', { kappa: '5' }],
    ['a number where a truth value belongs', 'CONSENSUS_INPUT_MALFORMED', { validator_permit: [1, 0] }],
    ['a pair of three', 'CONSENSUS_INPUT_MALFORMED', { weights: [[[1, 2, 3]], []] }],
    ['a row that is no list', 'CONSENSUS_INPUT_MALFORMED', { weights: [{}, []] }],
    ['a number that no longer is exact', 'CONSENSUS_INPUT_VALUE', { stake: [2 ** 53, 0] }],
    ['a fraction', 'CONSENSUS_INPUT_VALUE', { block: 0.5 }],
    ['a negative number', 'CONSENSUS_INPUT_VALUE', { emission: -1 }],
    ['a weight above u16', 'CONSENSUS_INPUT_VALUE', { weights: [[[1, 65_536]], []] }],
    ['a kappa above u16', 'CONSENSUS_INPUT_VALUE', { kappa: 65_536 }],
    ['a list that is too short', 'CONSENSUS_INPUT_LENGTH', { last_update: [1] }],
    ['a missing row', 'CONSENSUS_INPUT_LENGTH', { bonds: [[]] }],
    [
      'a row longer than n',
      'CONSENSUS_INPUT_ROW',
      {
        bonds: [
          [],
          [
            [0, 1],
            [1, 1],
            [1, 1],
          ],
        ],
      },
    ],
    ['4,097 neurons, whatever the lists hold', 'CONSENSUS_INPUT_TOO_LARGE', { n: 4_097 }],
  ])('refuses %s', (_, code, change) => {
    expect(() => epochInputFromJson({ ...input(), ...change })).toThrow(expect.objectContaining({ code }))
  })

  test('prints the fields of an output in the order of the recorded ones', () => {
    const u16 = Uint16Array.of(1)
    const u64 = BigUint64Array.of(2n)
    const bonds = { offsets: Uint32Array.of(0, 1), uids: u16, values: u16 }
    const printed = epochOutputToJson({
      rank: u16,
      trust: u16,
      consensus: u16,
      incentive: u16,
      dividends: u16,
      validatorTrust: u16,
      pruningScores: u16,
      emission: u64,
      serverEmission: u64,
      validatorEmission: u64,
      active: Uint8Array.of(1),
      validatorPermit: Uint8Array.of(0),
      bonds,
    })
    expect(JSON.stringify(printed)).toBe(
      '{"rank":[1],"trust":[1],"consensus":[1],"incentive":[1],"dividends":[1],"emission":[2],"validator_trust":[1],' +
        '"pruning_scores":[1],"active":[true],"validator_permit":[false],"bonds":[[[1,1]]],"server_emission":[2],"validator_emission":[2]}',
    )
  })
})
