/** Settings of a miner; the schema gives type, default, bounds and help at once. */
import { Type } from 'typebox'
import type { Static } from 'typebox'

const minerOptions = Type.Object({
  modelEpochs: Type.Integer({
    default: 10,
    minimum: 1,
    description: 'Epochs between two commitments of the model while it changes. The precedence clock may restart with each.',
  }),
  powThreads: Type.Integer({ default: 1, minimum: 1, maximum: 256, description: 'Threads that search for a registration seal.' }),
  registerAgain: Type.Boolean({ default: true, description: 'Register again after the neuron was pruned.' }),
  keptLeavesMiB: Type.Integer({
    default: 64,
    minimum: 4,
    maximum: 4_096,
    description: 'Memory for the leaves of committed queries until their reveal; one caller may take a quarter.',
  }),
  keptLeavesBlocks: Type.Integer({ default: 100, minimum: 10, description: 'Blocks after which an unopened query is forgotten.' }),
  streamsPerCaller: Type.Integer({ default: 64, minimum: 1, maximum: 1_024, description: 'Open SERVE streams of one caller.' }),
  streamsMax: Type.Integer({ default: 512, minimum: 1, maximum: 16_384, description: 'Open SERVE streams in all.' }),
  streamIdleMs: Type.Integer({ default: 60_000, minimum: 1_000, description: 'A stream nobody extends for so long is dropped.' }),
  batchMax: Type.Integer({ default: 16, minimum: 1, maximum: 256, description: 'Queries answered by one call of the model.' }),
  uplink: Type.Integer({ default: 1_250_000, minimum: 1, description: 'Bytes per second this machine can send, as it tells others.' }),
})
export type MinerOptions = Static<typeof minerOptions>

/** The defaults of a schema whose every property has one. */
export const minerDefaults = Object.fromEntries(
  Object.entries(minerOptions.properties).map(([name, schema]) => [name, (schema as { default?: unknown }).default]),
) as unknown as MinerOptions
