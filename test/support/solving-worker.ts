/** Loads the addon in a worker and starts a search that cannot end; says how many hashes were done so far. */
import { parentPort } from 'node:worker_threads'
import { loadAddon } from '../../src/native/addon.ts'

const key = new Uint8Array(32)
await loadAddon().pow.solve(
  { blockHash: key, hotkey: key, difficulty: 2n ** 64n - 1n, threads: 1 },
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a port between threads has no origin
  { onProgress: (done) => parentPort?.postMessage(done) },
)
