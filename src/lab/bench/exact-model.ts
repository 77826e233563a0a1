/**
 * A small model trained two steps in exact mode from a seed: the same bits on every CPU (native.md, Tensors), so a verifier
 * trains it again and compares. It proves that this program trains and predicts rightly on that machine, not how fast.
 */
import { hash } from 'node:crypto'
import { toHex } from '../../protocol/bytes.ts'
import type { ExpertCompute } from '../../protocol/ports/compute.ts'
import type { ModelProofView } from '../../protocol/views/bench.ts'
import type { Static } from 'typebox'
import { seededBelow } from './seeded.ts'

const TEXT_BYTES = 16_384
const STEPS = 2

export async function exactModel(expert: ExpertCompute, seed: Uint8Array): Promise<Static<typeof ModelProofView>> {
  const model = expert.model({ kind: 'transformer', width: 32, layers: 1, heads: 2, context: 64, exact: true }, 1n)
  // Words of few letters: something that training can lower the loss of.
  const text = Uint8Array.from(seededBelow(seed, 'text', TEXT_BYTES, 27), (one) => (one === 26 ? 32 : 97 + one))
  await model.setText(text)
  await model.train({ steps: STEPS, budgetMs: 600_000, totalSteps: STEPS })
  const [leaves = new Uint8Array()] = await model.predict([text.subarray(0, 64)], [0])
  return { kind: 'model', metric: 'expert', root: toHex(await model.root()), leaves: hash('sha256', leaves, 'hex') }
}
