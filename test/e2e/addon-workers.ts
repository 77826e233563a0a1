/**
 * `node --expose-gc test/e2e/addon-workers.ts --workers 100`: loads the addon in so many worker threads, one after the other,
 * and ends each in the middle of its work. Prints threads and resident memory before and after as one JSON line.
 */
import { once } from 'node:events'
import { readdirSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { Worker } from 'node:worker_threads'

const { values } = parseArgs({ options: { workers: { type: 'string', default: '100' } } })
const workers = Number(values.workers)

async function one(): Promise<void> {
  const worker = new Worker(new URL('../support/solving-worker.ts', import.meta.url))
  await once(worker, 'message') // its search is under way
  await worker.terminate()
}
const threads = (): number => (process.platform === 'linux' ? readdirSync('/proc/self/task').length : 0)
function look(): { threads: number; rss: number } {
  globalThis.gc?.()
  return { threads: threads(), rss: process.memoryUsage.rss() }
}

for (let i = 0; i < 5; i++) await one()
const before = look()
for (let i = 0; i < workers; i++) await one()
// A search hears of its end within 50 ms; its thread is gone when the count is what it was.
const deadline = performance.now() + 5_000
while (threads() > before.threads && performance.now() < deadline) await new Promise((resolve) => setTimeout(resolve, 10))
const after = look()
console.log(JSON.stringify({ suite: 'addon workers', workers, before, after }))
