/**
 * The seed base (mixture.md 1): one nano transformer over the training text of all domains, from which a network's own
 * transformers may start. Made in `exact` mode it has the same root on every CPU.
 */
import { writeFileSync } from 'node:fs'
import type { ExpertCompute, ModelSpec } from '../protocol/ports/compute.ts'
import { concat, toHex } from '../protocol/bytes.ts'
import type { CorpusSummary } from './corpus/prepare.ts'
import { readSplit } from './windows-of-text.ts'

const SLICE_STEPS = 5

export interface BaseOptions {
  dataFolder: string
  corpus: CorpusSummary
  steps: number
  seed: number
  /** Same bits on every CPU, at about a third of the speed. */
  exact: boolean
  file: string
  onProgress?: (done: number, loss: number) => void
}
export interface BaseReport {
  file: string
  /** Model root, hex: the market parameter `base_root`. */
  root: string
  manifest: string
  steps: number
  bytes: number
  /** Training loss of the last steps, bits per byte. */
  loss: number
  seconds: number
}

export async function trainBase(options: BaseOptions, compute: { expert: Pick<ExpertCompute, 'model'> }): Promise<BaseReport> {
  const { dataFolder, corpus, steps, seed, exact, file } = options
  const began = performance.now()
  const spec: ModelSpec = { kind: 'transformer', width: 64, layers: 3, heads: 4, context: 256, exact }
  const model = compute.expert.model(spec, BigInt(seed))
  await model.setText(concat(...corpus.domains.map(({ name }) => readSplit(dataFolder, name, 'train'))))
  let [done, bytes, loss] = [0, 0, Number.NaN]
  while (done < steps) {
    const slice = await model.train({ steps: Math.min(SLICE_STEPS, steps - done), budgetMs: 1_000_000, totalSteps: steps })
    done += slice.steps
    bytes += slice.bytes
    loss = slice.loss
    options.onProgress?.(done, loss)
  }
  writeFileSync(file, await model.save({ weightsOnly: true }))
  return {
    file,
    root: toHex(await model.root()),
    manifest: corpus.root,
    steps: done,
    bytes,
    loss,
    seconds: (performance.now() - began) / 1_000,
  }
}
