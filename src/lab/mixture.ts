/**
 * Experiment E1 (mixture.md 11): eight experts, each trained on one domain, against the best of them alone, the uniform
 * average, and each domain's own expert, on the same held-out bytes. The arithmetic is that of scoring: leaves, claims,
 * posterior mixture with the public fallback.
 */
import type { Compute, Model, ModelSpec } from '../protocol/ports/compute.ts'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { zstdAnchor } from './anchor.ts'
import type { CorpusSummary } from './corpus/prepare.ts'
import { revision, row, type Report } from './experiment.ts'
import { FILLER_BYTES, readSplit, visible, windowsOf, type Window } from './windows-of-text.ts'

const LENGTH = 256
const BYTES = 65_536
/** Windows in one call of the scorer: a scoring step. */
const STEP_WINDOWS = 8
/** Wire bytes of one answered span with four openings (mixture.md 2.2). */
const ANSWER_BYTES = 2_990
/** Windows per domain that the anchor compresses. */
const ANCHOR_WINDOWS = 4
/** Bytes of one training step: batch 32 by 256. */
const STEP_BYTES = 32 * LENGTH

const sizes = {
  mini: { spec: { kind: 'transformer', width: 48, layers: 2, heads: 4, context: LENGTH } as ModelSpec, steps: 250 },
  full: { spec: { kind: 'transformer', width: 64, layers: 3, heads: 4, context: LENGTH } as ModelSpec, steps: 750 },
}

export interface MixtureReport extends Report {
  network: number
  best_single: number
  uniform: number
  oracle_domain: number
  bytes: number
  fallback: number
  anchor_zstd: number
}
export interface MixtureOptions {
  dataFolder: string
  corpus: CorpusSummary
  size: 'mini' | 'full'
  seed: number
  signal?: AbortSignal
  /** Steps done and in all, over all experts. */
  onProgress?: (done: number, total: number, note: string) => void
}

const bitsOf = (claims: Uint16Array): number => claims.reduce((sum, claim) => sum + claim, 0) / claims.length / 4_096 / Math.LN2
const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length

/** Claims of all windows, one after the other. */
async function claimsOf(model: Model, windows: readonly Window[], compute: Pick<Compute, 'mixture'>): Promise<Uint16Array> {
  const claims = new Uint16Array(windows.length * LENGTH)
  for (let at = 0; at < windows.length; at += STEP_WINDOWS) {
    const batch = windows.slice(at, at + STEP_WINDOWS)
    const leaves = await model.predict(
      batch.map(visible),
      batch.map(() => FILLER_BYTES),
    )
    for (const [i, { span }] of batch.entries()) claims.set(compute.mixture.claims(leaves[i] ?? new Uint8Array(), span), (at + i) * LENGTH)
  }
  return claims
}

async function trained(
  options: MixtureOptions,
  index: number,
  text: Uint8Array,
  compute: Pick<Compute, 'expert'>,
): Promise<{ model: Model; flops: number }> {
  const { spec, steps } = sizes[options.size]
  const model = compute.expert.model(spec, BigInt(options.seed * 100 + index))
  await model.setText(text)
  const total = steps * options.corpus.domains.length
  let bytes = 0
  for (let done = 0; done < steps;) {
    options.signal?.throwIfAborted()
    const report = await model.train(
      { steps: Math.min(10, steps - done), budgetMs: 1_000_000, totalSteps: steps },
      { signal: options.signal },
    )
    done += report.steps
    bytes += report.bytes
    options.onProgress?.(index * steps + done, total, `${options.corpus.domains[index]?.name} ${report.loss.toFixed(2)} bits/byte`)
  }
  return { model, flops: 6 * model.parameters * Math.max(bytes, steps * STEP_BYTES) }
}

/** Runs the experiment. Test text is used here and nowhere else. */
export async function mixtureExperiment(options: MixtureOptions, compute: Pick<Compute, 'expert' | 'mixture'>): Promise<MixtureReport> {
  const began = performance.now()
  const { corpus, dataFolder, seed } = options
  const names = corpus.domains.map(({ name }) => name)
  const perDomain = BYTES / LENGTH / names.length
  const windows = names.flatMap((name) => windowsOf(readSplit(dataFolder, name, 'test'), name, perDomain, LENGTH, seed))
  const fallback = compute.expert.model(
    { kind: 'fallback', artefact: new Uint8Array(readFileSync(join(dataFolder, 'corpus', 'fallback'))) },
    0n,
  )
  const fallbackClaims = await claimsOf(fallback, windows, compute)
  const claims: Uint16Array[] = []
  let flops = 0
  for (const [index, name] of names.entries()) {
    const expert = await trained(options, index, readSplit(dataFolder, name, 'train'), compute)
    flops += expert.flops
    claims.push(await claimsOf(expert.model, windows, compute))
  }
  const steps = windows.length / STEP_WINDOWS
  const part = (all: Uint16Array, step: number): Uint16Array => all.slice(step * STEP_WINDOWS * LENGTH, (step + 1) * STEP_WINDOWS * LENGTH)
  const reports = Array.from({ length: steps }, (_, step) =>
    compute.mixture.report({
      length: LENGTH,
      spans: STEP_WINDOWS,
      fallback: part(fallbackClaims, step),
      peers: claims.map((all) => part(all, step)),
    }),
  )
  const network = mean(reports.map((report) => report.network))
  const uniform = mean(reports.map((report) => report.uniform))
  const best = Math.min(...claims.map(bitsOf))
  const oracle = mean(
    names.map((_, i) => bitsOf((claims[i] ?? new Uint16Array()).slice(i * perDomain * LENGTH, (i + 1) * perDomain * LENGTH))),
  )
  const anchor = mean(
    names.map((name, i) => zstdAnchor(windows.slice(i * perDomain, i * perDomain + ANCHOR_WINDOWS), readSplit(dataFolder, name, 'train'))),
  )
  const mini = options.size === 'mini'
  return {
    id: 'mixture',
    size: options.size,
    seeds: [seed],
    revision: revision(),
    manifest: corpus.root,
    flops,
    bytes_sent: windows.length * names.length * ANSWER_BYTES,
    seconds: (performance.now() - began) / 1000,
    rows: [
      row('E1a network / best single', network / best, mini ? 0.8 : 0.7, 0.6),
      row('E1b network / uniform', network / uniform, mini ? 0.9 : 0.8, 0.73),
      row('E1c network / oracle domain', network / oracle, mini ? 1.01 : 0.995, 0.98),
      row('anchor: zstd 19 primed with the own domain, bits/byte', anchor, null, null),
    ],
    network,
    best_single: best,
    uniform,
    oracle_domain: oracle,
    bytes: windows.length * LENGTH,
    fallback: bitsOf(fallbackClaims),
    anchor_zstd: anchor,
  }
}
