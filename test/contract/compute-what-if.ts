/** The contract of `ConsensusCompute.whatIf`: each variant is the epoch of the rebuilt input, and what none accepts is refused. */
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { rebuiltInput } from '../../src/native/reference/what-if.ts'
import type { ConsensusCompute, EpochInput, EpochVariant } from '../../src/protocol/ports/compute.ts'
import { denseEpoch, epochInput, sparseRows } from '../support/epochs.ts'

const seed = Number(process.env['TAUMESH_SEED'])

/** Variants of inputs of n uids; a replaced uid comes once. */
const variantOf = (n: number): fc.Arbitrary<EpochVariant> => {
  const uids = fc.uniqueArray(fc.integer({ min: 0, max: Math.max(0, n - 1) }), { maxLength: Math.min(n, 4) })
  const weights = uids.chain((list) =>
    sparseRows(n).map((rows) => {
      const offsets = Uint32Array.from([0, ...list.map((_, k) => rows.offsets[k + 1]!)])
      const entries = offsets.at(-1)!
      return {
        uids: Uint16Array.from(list),
        rows: { offsets, uids: rows.uids.slice(0, entries), values: rows.values.slice(0, entries) },
      }
    }),
  )
  return fc.record(
    {
      stake: fc.array(fc.bigInt({ min: 0n, max: 2n ** 50n }), { minLength: n, maxLength: n }).map((values) => BigUint64Array.from(values)),
      weights,
      kappa: fc.integer({ min: 0, max: 0xffff }),
      bondsMovingAverage: fc.bigInt({ min: 0n, max: 1_000_000n }),
    },
    { requiredKeys: [] },
  )
}
const withVariants = (inputs: fc.Arbitrary<EpochInput>, most: number) =>
  inputs.chain((input) => fc.record({ input: fc.constant(input), variants: fc.array(variantOf(input.n), { maxLength: most }) }))

const sample = (): EpochInput => fc.sample(denseEpoch(12), { seed: 1, numRuns: 1 })[0]!

const refused: [string, string, EpochVariant][] = [
  ['too few stakes', 'CONSENSUS_INPUT_LENGTH', { stake: new BigUint64Array(11) }],
  ['a stake sum of 2^63', 'CONSENSUS_INPUT_VALUE', { stake: new BigUint64Array(12).fill(2n ** 60n) }],
  ['a kappa that is no u16', 'CONSENSUS_INPUT_VALUE', { kappa: 65_536 }],
  ['bonds above a million', 'CONSENSUS_INPUT_VALUE', { bondsMovingAverage: 1_000_001n }],
  [
    'a row of a uid beyond the last',
    'CONSENSUS_INPUT_ROW',
    {
      weights: { uids: Uint16Array.of(12), rows: { offsets: Uint32Array.of(0, 0), uids: new Uint16Array(0), values: new Uint16Array(0) } },
    },
  ],
  [
    'a row out of order',
    'CONSENSUS_INPUT_ROW',
    {
      weights: {
        uids: Uint16Array.of(1),
        rows: { offsets: Uint32Array.of(0, 2), uids: Uint16Array.of(3, 2), values: Uint16Array.of(1, 1) },
      },
    },
  ],
  [
    'rows that are not one per uid',
    'CONSENSUS_INPUT_ROW',
    {
      weights: { uids: Uint16Array.of(1, 2), rows: { offsets: Uint32Array.of(0, 1), uids: Uint16Array.of(3), values: Uint16Array.of(1) } },
    },
  ],
]

export function whatIfContract(name: string, make: () => ConsensusCompute, numRuns: number): void {
  describe(`ConsensusCompute.whatIf: ${name}`, () => {
    test('every variant is the epoch of the rebuilt input', async () => {
      const law = fc.asyncProperty(withVariants(epochInput(), 4), async ({ input, variants }) => {
        const outputs = await make().whatIf(input, variants)
        expect(outputs).toEqual(variants.map((variant) => make().epoch(rebuiltInput(input, variant))))
      })
      await fc.assert(law, { seed, numRuns })
    })

    test.each([['rank', 'active'], ['dividends', 'emission'], ['bonds']] as const)(
      'gives only the fields asked for: %s',
      async (...fields) => {
        const input = sample()
        const [output] = await make().whatIf(input, [{ kappa: 9_000 }], { fields })
        const whole = make().epoch({ ...input, kappa: 9_000 })
        expect(output).toEqual(Object.fromEntries(fields.map((field) => [field, whole[field]])))
      },
    )

    test.each(refused)('refuses %s', async (_, code, variant) => {
      await expect(make().whatIf(sample(), [{}, variant])).rejects.toMatchObject({ code })
    })

    test('a call that was aborted is cancelled', async () => {
      const call = make().whatIf(sample(), [{}], { signal: AbortSignal.abort() })
      await expect(call).rejects.toMatchObject({ code: 'NATIVE_CANCELLED' })
    })

    test('what the caller does to the arrays afterwards changes nothing', async () => {
      const input = sample()
      const stake = input.stake.map((own) => own + 1n)
      const expected = make().epoch({ ...input, stake })
      const call = make().whatIf(input, [{ stake: stake.slice() }])
      input.weights.values.fill(0)
      input.stake.fill(0n)
      expect(await call).toEqual([expected])
    })
  })
}
