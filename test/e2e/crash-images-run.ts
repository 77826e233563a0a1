/** Images of a power loss at any point of a recorded run (reliability.md S2b): each must open, with every acknowledged block in it. */
import { spawnSync } from 'node:child_process'
import { mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { sqliteBlockStore } from '../../src/ledger/store/sqlite-block-store.ts'
import type { BlockStore, StoredBlock } from '../../src/protocol/ports/block-store.ts'
import { chainOfBlocks } from '../support/chain-of-blocks.ts'
import { rng } from '../support/random.ts'
import { silentLog } from '../support/silent-log.ts'
import { RecordedDisk, readTrace } from './recorded-disk.ts'

export const IMAGE_BLOCKS = 40
export const IMAGE_RETENTION = { blocksMax: 20, bytesMax: 2 ** 40 }
export const imageBlocks = (): StoredBlock[] => chainOfBlocks(IMAGE_BLOCKS, 21, 700)

const CHILD = fileURLToPath(new URL('./crash-images-child.ts', import.meta.url))
const CALLS = 'openat,close,pwrite64,write,fsync,fdatasync,ftruncate,rename,unlink'

export const canRecord = (): boolean => spawnSync('strace', ['-o', '/dev/null', 'true']).status === 0

export interface ImageReport {
  suite: 'S2b'
  seed: number
  cases: number
  calls: number
  lost: number
  failures: string[]
}

/** @param options.ignoreSyncOf plants a bug: syncs of that file do nothing */
export function crashImages(options: { folder: string; images: number; seed: number; ignoreSyncOf?: string }): ImageReport {
  const [data, traces, image] = ['data', 'traces', 'image'].map((name) => join(options.folder, name)) as [string, string, string]
  mkdirSync(traces, { recursive: true })
  const run = spawnSync('strace', [
    '-ff',
    '-xx',
    '-s',
    '200000',
    '-e',
    `trace=${CALLS}`,
    '-o',
    join(traces, 't'),
    process.execPath,
    CHILD,
    data,
  ])
  if (run.status !== 0) throw new Error(`the recorded process failed: ${run.stderr.toString().slice(0, 500)}`)
  const events = readTrace(traces, data)
  const blocks = imageBlocks()
  const random = rng(options.seed)
  const report: ImageReport = { suite: 'S2b', seed: options.seed, cases: 0, calls: events.length, lost: 0, failures: [] }
  /** Images at each point, so that all of them together are as many as asked for. */
  const share = options.images / events.length
  const disk = new RecordedDisk(options.ignoreSyncOf)
  let [acknowledged, due] = [-1, 0]
  for (const [at, event] of events.entries()) {
    disk.do(event)
    if (event.kind === 'said') acknowledged = Number(event.text.split(' ')[1])
    for (due += share; due >= 1; due--) {
      rmSync(image, { recursive: true, force: true })
      disk.image(image, random)
      report.cases += 1
      const wrong = check(image, blocks, acknowledged)
      if (wrong === null) continue
      if (wrong.startsWith('lost')) report.lost += 1
      report.failures.push(`after call ${at} (${event.kind}): ${wrong}`)
    }
  }
  return report
}

function check(path: string, blocks: readonly StoredBlock[], acknowledged: number): string | null {
  let store: BlockStore | undefined
  try {
    store = sqliteBlockStore({ path, retention: IMAGE_RETENTION }, { log: silentLog() })
    const head = store.head()?.height ?? -1
    if (head < acknowledged) return `lost: acknowledged ${acknowledged}, found ${head}`
    for (let height = store.oldest() ?? 1; height <= head; height++) {
      const [found, expected] = [store.load(height), blocks[height]!]
      if (found === null || Buffer.compare(found.block, expected.block) !== 0) return `block ${height} differs`
      if (expected.rows.some(({ table, key }) => store?.row(table, key) === null)) return `a row of block ${height} is missing`
    }
    const [snapshot, next] = [store.newestSnapshot(), blocks[head + 1]]
    if (snapshot !== null && Buffer.compare(snapshot.bytes, blocks[snapshot.height]!.block) !== 0) return 'the snapshot differs'
    if (next !== undefined) store.append(next)
    return null
  } catch (error) {
    return `${acknowledged >= 0 ? 'lost' : 'refused'}: ${String(error)}`
  } finally {
    store?.close()
  }
}
