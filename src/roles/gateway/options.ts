/** Settings of a gateway; the schema gives type, default, bounds and help at once. */
import { Type } from 'typebox'
import type { Static } from 'typebox'

const gatewayOptions = Type.Object({
  experts: Type.Integer({ default: 4, minimum: 1, maximum: 16, description: 'Experts that are mixed for one answer.' }),
  candidates: Type.Integer({
    default: 8,
    minimum: 1,
    maximum: 32,
    description: 'Experts asked for the prompt, one of them at random; the best of them answer.',
  }),
  contextBytes: Type.Integer({
    default: 256,
    minimum: 64,
    maximum: 1_024,
    description: 'Bytes at the end of the prompt that the experts see.',
  }),
  draftMax: Type.Integer({ default: 16, minimum: 0, maximum: 48, description: 'Bytes that the leading expert drafts ahead at most.' }),
  answerMs: Type.Integer({ default: 3_000, minimum: 50, description: 'An expert that takes longer for one call is dropped.' }),
  graceMs: Type.Integer({
    default: 500,
    minimum: 1,
    description: 'Once half of the experts have answered, the others get this long, or three times what those took.',
  }),
  restMs: Type.Integer({ default: 5_000, minimum: 0, description: 'A failed expert is not asked for so long, twice as long each time.' }),
  roundsMax: Type.Integer({ default: 4, minimum: 1, maximum: 256, description: 'Rounds of completions computed at once.' }),
  completionsMax: Type.Integer({ default: 256, minimum: 1, maximum: 4_096, description: 'Completions open at once.' }),
  completionsPerCaller: Type.Integer({ default: 32, minimum: 1, maximum: 4_096, description: 'Completions open at once for one coldkey.' }),
  bytesMax: Type.Integer({ default: 4_096, minimum: 1, maximum: 32_768, description: 'Bytes of one answer.' }),
  totalMs: Type.Integer({ default: 120_000, minimum: 1_000, description: 'Time for one answer.' }),
})
export type GatewayOptions = Static<typeof gatewayOptions>

export const gatewayDefaults = Object.fromEntries(
  Object.entries(gatewayOptions.properties).map(([name, schema]) => [name, (schema as { default?: unknown }).default]),
) as unknown as GatewayOptions
