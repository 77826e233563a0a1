/** Settings of a validator; the schema gives type, default, bounds and help at once. Defaults are those of `main`; a local network sets its own (mixture.md 12). */
import { Type } from 'typebox'
import type { Static } from 'typebox'

const MIB = 1_048_576

export const validatorOptions = Type.Object({
  passesInFlight: Type.Integer({ default: 2, minimum: 1, maximum: 8, description: 'Scoring passes under way at once.' }),
  passesPerEpoch: Type.Integer({ default: 16, minimum: 1, maximum: 1_000, description: 'Scoring passes begun in one epoch at most.' }),
  minersMin: Type.Integer({ default: 4, minimum: 1, maximum: 16, description: 'Miners that must answer before a pass begins.' }),
  commitSlackMs: Type.Integer({
    default: 50,
    minimum: 0,
    maximum: 10_000,
    description: 'Time to commit beyond what rate and distance explain.',
  }),
  callTimeoutMs: Type.Integer({ default: 12_000, minimum: 100, maximum: 120_000, description: 'No answer is waited for longer.' }),
  revealLimitMs: Type.Integer({
    default: 2_000,
    minimum: 100,
    maximum: 60_000,
    description: 'Time to open a commitment, beyond the distance.',
  }),
  evidenceMiB: Type.Integer({ default: 1_024, minimum: 16, maximum: 65_536, description: 'Evidence kept; the oldest goes first.' }),
})
export type ValidatorOptions = Static<typeof validatorOptions>

/** The defaults of a schema whose every property has one. */
export const validatorDefaults = Object.fromEntries(
  Object.entries(validatorOptions.properties).map(([name, schema]) => [name, (schema as { default?: unknown }).default]),
) as unknown as ValidatorOptions

/** What `npm start` sets: mixture.md 12, Local network. */
export const localValidatorOptions: Partial<ValidatorOptions> = {
  passesInFlight: 2,
  passesPerEpoch: 4,
  minersMin: 4,
  commitSlackMs: 2_000,
  evidenceMiB: 256,
}

export const evidenceBytes = ({ evidenceMiB }: ValidatorOptions): number => evidenceMiB * MIB
