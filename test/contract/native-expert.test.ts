/** The contract of experts on the native models: counts with match, recurrent, transformer, and the public fallback. */
import { nativeExpert } from '../../src/experts/native-expert.ts'
import { loadAddon } from '../../src/native/addon.ts'
import { utf8 } from '../../src/protocol/bytes.ts'
import type { ModelSpec } from '../../src/protocol/ports/compute.ts'
import type { Expert } from '../../src/protocol/ports/expert.ts'
import { ManualClock } from '../support/manual-clock.ts'
import { silentLog } from '../support/silent-log.ts'
import { expertContract } from './expert.ts'

const { expert } = loadAddon()
const text = utf8('it was the white whale that swam before him, and he hated it as the land hates the sea. '.repeat(100))
async function made(spec: ModelSpec, steps: number): Promise<Expert> {
  const options = { spec, text, totalSteps: steps, seed: 7n, sequenceLengthMax: 256, rate: 10_000 }
  const built = await nativeExpert(options, { expert, clock: new ManualClock(), log: silentLog() })
  while ((await built.train()) !== null) continue
  return built
}

expertContract('native, order 5 with match', async () => await made({ kind: 'order', order: 5, match: true }, 0))
expertContract('native, transformer', async () => await made({ kind: 'transformer', width: 32, layers: 2, heads: 4, context: 288 }, 5))
expertContract('native, public fallback', async () => await made({ kind: 'fallback', artefact: await expert.fallbackArtefact([text]) }, 0))
expertContract('native, GRU', async () => await made({ kind: 'gru', embedding: 32, width: 32, context: 288 }, 5))
