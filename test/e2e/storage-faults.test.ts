/** Disks that fail a sync or have no space, under the real store (reliability.md F04, F05). */
import { spawnSync } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { chainOfBlocks } from '../support/chain-of-blocks.ts'
import { temporaryFolder } from '../support/folders.ts'
import { everythingOf, openStore } from '../support/store-folder.ts'

const CHILD = fileURLToPath(new URL('./storage-faults-child.ts', import.meta.url))
const SOURCE = fileURLToPath(new URL('../support/failing-sync.c', import.meta.url))
const library = join(temporaryFolder(), 'failing-sync.so')
const canFail = process.platform === 'linux' && spawnSync('cc', ['-shared', '-fPIC', '-o', library, SOURCE]).status === 0
const canFill = spawnSync('unshare', ['-Urm', 'sh', '-c', 'mount -t tmpfs -o size=1m t /mnt']).status === 0
/** Which syncs of a run of eight blocks fail; every one with TAUMESH_SYNCS=1. */
const step = Number(process.env['TAUMESH_SYNCS'] ?? 4)

test.skipIf(!canFail)(
  'a sync that fails ends the store: no acknowledgement, no second try, exit 74, and a clean next start (needs cc)',
  () => {
    const blocks = chainOfBlocks(8, 5, 300)
    const outcomes: string[] = []
    for (let k = 1; k < 200; k += step) {
      const folder = temporaryFolder()
      const run = spawnSync(process.execPath, [CHILD, 'sync', folder, '8'], {
        env: { ...process.env, LD_PRELOAD: library, FAIL_SYNC: String(k) },
      })
      const lines = run.stdout.toString().trim().split('\n')
      const acknowledged = lines.filter((line) => line.startsWith('ack')).length - 1
      if (run.status === 0) break
      const last = lines.at(-1)!
      outcomes.push(last)
      expect([run.status, last.split(' ')[1]], `sync ${k}`).toEqual([74, 'STORE_FAILED'])
      if (last.includes('again')) expect(last, `sync ${k}`).toBe('failed STORE_FAILED again STORE_FAILED STORE_FAILED')
      mkdirSync(join(folder, 'data'), { recursive: true })
      const store = openStore(join(folder, 'data'))
      const head = store.head()?.height ?? -1
      expect(head, `sync ${k}`).toBeGreaterThanOrEqual(acknowledged)
      store.close()
      expect(everythingOf(join(folder, 'data'), blocks.slice(0, head + 1)), `sync ${k}`).toContain('head')
    }
    console.log(JSON.stringify({ suite: 'S3', what: 'sync', cases: outcomes.length }))
    expect(outcomes.length).toBeGreaterThan(4)
  },
)

test.skipIf(!canFill)(
  'a full disk refuses blocks, serves reads, and takes them again once there is space, twenty times over (needs unshare)',
  () => {
    const mount = 'mount -t tmpfs -o size=4m t "$1" && exec "$2" "$3" full "$1" 20'
    const run = spawnSync('unshare', ['-Urm', 'sh', '-c', mount, 'sh', temporaryFolder(), process.execPath, CHILD])
    const lines = run.stdout.toString().trim().split('\n')
    expect(run.stderr.toString()).toBe('')
    expect(lines.slice(0, -1)).toEqual(Array(20).fill('cycle ok STORE_FULL STORE_FULL true ok'))
    expect(lines.at(-1)).toBe('end true true')
  },
)
