import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { NodeError } from '../../../src/protocol/errors.ts'
import { variantsFromJson } from '../../../src/protocol/variant-json.ts'

const seed = Number(process.env['TAUMESH_SEED'])

/** Mostly `right`, now and then any JSON at all. */
const often = <T>(right: fc.Arbitrary<T>): fc.Arbitrary<unknown> =>
  fc.oneof({ arbitrary: right, weight: 40 }, { arbitrary: fc.jsonValue(), weight: 1 })
const u16 = often(fc.nat({ max: 65_535 }))
const row = often(fc.array(often(fc.tuple(u16, u16)), { maxLength: 4 }))
const variant = fc.record(
  {
    name: often(fc.string()),
    stake: often(fc.array(often(fc.maxSafeNat()), { maxLength: 4 })),
    weights: often(fc.array(often(fc.tuple(u16, row)), { maxLength: 4 })),
    kappa: u16,
    bonds_moving_average: often(fc.maxSafeNat()),
  },
  { requiredKeys: [] },
)
const document = often(fc.array(often(variant), { maxLength: 4 }))

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

  test('of any JSON gives variants of the port’s form or a code, nothing else', () => {
    const counts = { accepted: 0, refused: 0 }
    fc.assert(
      fc.property(document, (json) => {
        try {
          for (const { name, variant: read } of variantsFromJson(json)) {
            expect(typeof name).toBe('string')
            const { uids, rows } = read.weights ?? { uids: [], rows: { offsets: Uint32Array.of(0), uids: [], values: [] } }
            expect(rows.offsets.length).toBe(uids.length + 1)
            expect([rows.uids.length, rows.values.length]).toEqual([rows.offsets.at(-1), rows.offsets.at(-1)])
          }
          counts.accepted += 1
        } catch (error) {
          if (!(error instanceof NodeError)) throw error
          expect(error.code).toMatch(/^CONSENSUS_INPUT_(MALFORMED|VALUE|TOO_LARGE)$/)
          counts.refused += 1
        }
      }),
      { seed, numRuns: 2_000 },
    )
    expect(Math.min(counts.accepted, counts.refused)).toBeGreaterThan(200)
  })
})
