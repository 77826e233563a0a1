/**
 * `MALLOC_ARENA_MAX=1 node --expose-gc test/e2e/addon-memory.ts --calls 100000 --seconds 1`: calls every export of the addon so often and so long,
 * whichever is more, and prints, per export, how many bytes of resident memory a call left behind and how far memory rose
 * meanwhile; exits 1 where a call leaves more than noise in every block of calls, or where memory rises too far.
 * (One arena: else each thread has holes of its own for a leak to hide in.)
 * `--only NAME`, once or more often, leaves the others out; `--planted ADDON` looks at the leak planted in that addon instead.
 */
import { createRequire } from 'node:module'
import { parseArgs } from 'node:util'
import { addonCalls } from '../support/addon-calls.ts'
import type { Planted } from '../support/planted-addon.ts'

/** What a call may leave, bytes: 1 KiB per 1,000. */
const LEFT_MAX = 1.024
/** What the heap's own breathing may move resident memory by in the calmest block, bytes: a few of its chunks. */
const NOISE = 512 << 10
/** How far results may raise memory before they are collected, bytes: V8 lets 64 MiB of what was lent to it wait. */
const RISE_MAX = 128 << 20
/** Blocks of calls that are looked at while memory grows. */
const BLOCKS = 12
/** Calls in flight: enough to keep the pool busy, few enough for its queue. */
const ABREAST = 16
/** Bytes of the planted leak. */
const PLANTED = 64

const { values } = parseArgs({
  options: {
    calls: { type: 'string', default: '100000' },
    seconds: { type: 'string', default: '0' },
    only: { type: 'string', multiple: true },
    planted: { type: 'string' },
  },
})
const asked = Number(values.calls)
const seconds = Number(values.seconds)
const collect = globalThis.gc
if (collect === undefined) throw new Error('run it with --expose-gc')

/** A turn of the event loop: memory that the addon lent to JavaScript is freed in one. */
const turn = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 1))
const rss = (): number => process.memoryUsage.rss()

/** Calls as often and as long as asked. Gives the number of calls, and the most that was resident at any turn. */
async function block(call: () => unknown): Promise<{ calls: number; peak: number }> {
  const end = performance.now() + 1_000 * seconds
  let [calls, peak] = [0, 0]
  while (calls < asked || performance.now() < end) {
    await Promise.all(Array.from({ length: ABREAST }, call))
    calls += ABREAST
    if (calls % (ABREAST * 64) !== 0) continue
    peak = Math.max(peak, rss())
    await turn()
  }
  return { calls, peak }
}
/** What is resident when nothing can be collected any more. */
async function resident(): Promise<number> {
  let least = Number.POSITIVE_INFINITY
  for (let turns = 0; turns < 20; turns++) {
    collect?.()
    await turn()
    least = Math.min(least, rss())
  }
  return least
}

interface Finding {
  calls: number
  /** Bytes per call, in the block that left least. */
  left: number
  /** Bytes. */
  rise: number
  leaks: boolean
}
async function find(call: () => unknown): Promise<Finding> {
  const start = await resident()
  // As often before as between two looks: pools and the heap find their size first, and a leak uses up what the heap had free.
  const first = await block(call)
  const finding: Finding = { calls: first.calls, left: Number.POSITIVE_INFINITY, rise: first.peak - start, leaks: true }
  // What leaks grows in every block of calls; what finds its size late does not.
  for (let looked = 0; looked < BLOCKS && finding.leaks; looked++) {
    const before = await resident()
    const { calls, peak } = await block(call)
    finding.left = Math.min(finding.left, ((await resident()) - before) / calls)
    finding.rise = Math.max(finding.rise, peak - start)
    finding.calls += calls
    finding.leaks = finding.left > LEFT_MAX + NOISE / calls
  }
  return finding
}

const planted = values.planted && (createRequire(import.meta.url)(values.planted) as Planted)
const subjects = planted ? { plantedLeak: () => planted.plantedLeak(PLANTED) } : addonCalls()
const findings: Record<string, Finding> = {}
for (const [name, call] of Object.entries(subjects))
  if (values.only === undefined || values.only.includes(name)) findings[name] = await find(call)
const names = Object.keys(findings)
const leaking = names.filter((name) => findings[name]?.leaks)
const rising = names.filter((name) => (findings[name]?.rise ?? 0) > RISE_MAX)
console.log(JSON.stringify({ suite: 'addon memory', exports: names.length, leaking, rising, findings }))
process.exitCode = leaking.length + rising.length === 0 && names.length > 0 ? 0 : 1
