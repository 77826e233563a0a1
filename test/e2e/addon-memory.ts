/**
 * `node --expose-gc test/e2e/addon-memory.ts --calls 100000`: calls every export of the addon so often and prints, per export,
 * how resident memory grew; exits 1 where one grew by more than 1 KiB per 1,000 calls beyond the noise of the heap, in every block.
 * `--only NAME`, once or more often, leaves the others out.
 */
import { parseArgs } from 'node:util'
import { addonCalls } from '../support/addon-calls.ts'

/** What the heap's own breathing may move resident memory by, bytes. */
const NOISE = 2 << 20
const SLOPE = 1.024 // bytes per call: 1 KiB per 1,000
/** Calls in flight: enough to keep the pool busy, few enough for its queue. */
const ABREAST = 16

const { values } = parseArgs({ options: { calls: { type: 'string', default: '100000' }, only: { type: 'string', multiple: true } } })
const asked = Number(values.calls)
const collect = globalThis.gc
if (collect === undefined) throw new Error('run it with --expose-gc')

/** A turn of the event loop: memory that the addon lent to JavaScript is freed in one. */
const turn = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 1))

async function repeat(call: () => unknown, times: number): Promise<void> {
  for (let done = 0; done < times; done += ABREAST) {
    await Promise.all(Array.from({ length: Math.min(ABREAST, times - done) }, call))
    if (done % (ABREAST * 64) === 0) await turn()
  }
}
async function resident(): Promise<number> {
  let least = Number.POSITIVE_INFINITY
  for (let turns = 0; turns < 20; turns++) {
    collect?.()
    await turn()
    least = Math.min(least, process.memoryUsage.rss())
  }
  return least
}

/** Blocks of calls that are looked at while memory grows. */
const BLOCKS = 6
const limit = NOISE + SLOPE * asked
const grown: Record<string, number> = {}
for (const [name, call] of Object.entries(addonCalls())) {
  if (values.only !== undefined && !values.only.includes(name)) continue
  // As often before as between two looks: pools and the heap find their size first.
  await repeat(call, asked)
  // What leaks grows in every block of calls; what finds its size late does not.
  let least = Number.POSITIVE_INFINITY
  for (let block = 0; block < BLOCKS && least > limit; block++) {
    const before = await resident()
    await repeat(call, asked)
    least = Math.min(least, (await resident()) - before)
  }
  grown[name] = least
}
const leaking = Object.keys(grown).filter((name) => (grown[name] ?? 0) > limit)
console.log(JSON.stringify({ suite: 'addon memory', exports: Object.keys(grown).length, calls: asked, leaking, grown }))
process.exitCode = leaking.length === 0 && Object.keys(grown).length > 0 ? 0 : 1
