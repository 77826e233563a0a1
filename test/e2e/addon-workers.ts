/**
 * `node --expose-gc test/e2e/addon-workers.ts --workers 100`: loads the addon in so many worker threads, one after the other,
 * each of which searches for a seal (`--work solving`) or uses everything else (`--work busy`), and ends each in the middle of its
 * work. Prints threads and resident memory before and after as one JSON line.
 */
import { on } from 'node:events'
import { readdirSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { Worker } from 'node:worker_threads'

const { values } = parseArgs({ options: { workers: { type: 'string', default: '100' }, work: { type: 'string', default: 'solving' } } })
const workers = Number(values.workers)

/** Every third worker ends with its first word, the others with a later one: before anything is done, and with things done. */
async function one(index: number): Promise<void> {
  const worker = new Worker(new URL(`../support/${values.work}-worker.ts`, import.meta.url))
  let words = 0
  for await (const _word of on(worker, 'message')) if (++words > index % 3) break
  await worker.terminate()
}
const threads = (): number => (process.platform === 'linux' ? readdirSync('/proc/self/task').length : 0)
function look(): { threads: number; rss: number } {
  globalThis.gc?.()
  return { threads: threads(), rss: process.memoryUsage.rss() }
}

for (let i = 0; i < 5; i++) await one(i)
const before = look()
for (let i = 0; i < workers; i++) await one(i)
// A search hears of its end within 50 ms; its thread is gone when the count is what it was.
const deadline = performance.now() + 5_000
while (threads() > before.threads && performance.now() < deadline) await new Promise((resolve) => setTimeout(resolve, 10))
const after = look()
console.log(JSON.stringify({ suite: 'addon workers', workers, before, after }))
