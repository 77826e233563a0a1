/**
 * Loads the addon in a worker and keeps its pool and threads busy without end: products, contributions, training, predictions
 * and artefacts at once. Says `begun` when the jobs of a round are under way, and `done` when they have ended.
 */
import { parentPort } from 'node:worker_threads'
import { loadAddon } from '../../src/native/addon.ts'

const { tensor, mixture, expert } = loadAddon()
const SIZE = 384
const matrix = new Float32Array(SIZE * SIZE).fill(0.5)
const text = new Uint8Array(4_096).map((_, i) => 97 + ((i * i) % 23))
const row = (claim: number): Uint16Array => new Uint16Array(4_096).fill(claim)
const game = { length: 4_096, spans: 1, fallback: row(9_000), peers: Array.from({ length: 10 }, (_, i) => row(5_000 + 300 * i)) }
const model = expert.model({ kind: 'gru', embedding: 32, width: 64, context: 64 }, 1n)
await model.setText(text)

// oxlint-disable-next-line unicorn/require-post-message-target-origin -- a port between threads has no origin
const say = (word: 'begun' | 'done'): void => parentPort?.postMessage(word)
for (;;) {
  const round = [
    tensor.matmul(matrix, matrix, { m: SIZE, k: SIZE, n: SIZE }),
    mixture.shapley(game),
    model.train({ steps: 1, budgetMs: 60_000, totalSteps: 100 }),
    model.predict([text.subarray(0, 256)], [0]),
    expert.fallbackArtefact([text]),
  ]
  say('begun')
  await Promise.all(round)
  say('done')
}
