import { describe, expect, test } from 'vitest'
import { variantsFromJson } from '../../../src/protocol/variant-json.ts'

const code = (document: unknown): string => {
  try {
    variantsFromJson(document)
    return 'accepted'
  } catch (error) {
    return (error as { code: string }).code
  }
}

describe('the JSON form of variants', () => {
  test('reads names, stakes, rows of weights and numbers, and leaves out what is not there', () => {
    const weights = [
      [3, [[0, 65_535]]],
      [1, []],
    ]
    expect(variantsFromJson([{}, { name: 'cabal', stake: [1, 2], weights, kappa: 7, bonds_moving_average: 900_000 }])).toEqual([
      { name: 'variant 0', variant: {} },
      {
        name: 'cabal',
        variant: {
          stake: BigUint64Array.of(1n, 2n),
          weights: {
            uids: Uint16Array.of(3, 1),
            rows: { offsets: Uint32Array.of(0, 1, 1), uids: Uint16Array.of(0), values: Uint16Array.of(65_535) },
          },
          kappa: 7,
          bondsMovingAverage: 900_000n,
        },
      },
    ])
  })

  test.each([
    ['no list', {}, 'CONSENSUS_INPUT_MALFORMED'],
    ['no object', [7], 'CONSENSUS_INPUT_MALFORMED'],
    ['a stake that is no list', [{ stake: 7 }], 'CONSENSUS_INPUT_MALFORMED'],
    ['a negative stake', [{ stake: [-1] }], 'CONSENSUS_INPUT_VALUE'],
    ['4,097 stakes', [{ stake: Array.from({ length: 4_097 }, () => 0) }], 'CONSENSUS_INPUT_TOO_LARGE'],
    ['a row without entries', [{ weights: [[1]] }], 'CONSENSUS_INPUT_MALFORMED'],
    ['a weight above 65535', [{ weights: [[1, [[0, 65_536]]]] }], 'CONSENSUS_INPUT_VALUE'],
    ['a kappa that is text', [{ kappa: '1' }], 'CONSENSUS_INPUT_MALFORMED'],
    ['a fraction of bonds', [{ bonds_moving_average: 0.5 }], 'CONSENSUS_INPUT_VALUE'],
    ['65,537 variants', Array.from({ length: 65_537 }, () => ({})), 'CONSENSUS_INPUT_TOO_LARGE'],
  ])('refuses %s', (_, document, expected) => {
    expect(code(document)).toBe(expected)
  })
})
