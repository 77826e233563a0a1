/** What a damaged, incomplete or foreign data folder does: it is refused with the reason, or it gives the right answers (P5, F06, F07). */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { copyFileSync, mkdirSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { describe, expect, test } from 'vitest'
import type { NodeError } from '../../../../src/protocol/errors.ts'
import { chainOfBlocks } from '../../../support/chain-of-blocks.ts'
import { temporaryFolder } from '../../../support/folders.ts'
import { rng, testSeed } from '../../../support/random.ts'
import { alter, copyFolder, everythingOf, filledFolders, openStore } from '../../../support/store-folder.ts'

const blocks = chainOfBlocks(24, 11, 400)
const folders = filledFolders(blocks, 15)
const whole = everythingOf(copyFolder(folders.closed), blocks)
/** The folder as it was some blocks ago. */
const earlier = (height: number): string => filledFolders(blocks.slice(0, height + 1), 3).closed
const SLOT = 4096
/** The slot of the higher mark. */
const newestSlot = (bytes: Buffer): number => (bytes.readBigUInt64LE(8) > bytes.readBigUInt64LE(SLOT + 8) ? 0 : SLOT)
const flipAt = (at: number) => (bytes: Buffer) => {
  bytes[at]! ^= 4
  return bytes
}
const take = (from: string, to: string, name: string): void => copyFileSync(join(from, name), join(to, name))

const cases: [name: string, from: 'closed' | 'killed', damage: (folder: string) => void, outcome: string][] = [
  ['nothing', 'closed', () => undefined, 'whole'],
  ['nothing, after kill -9', 'killed', () => undefined, 'whole'],
  ['an extra file', 'closed', (f) => writeFileSync(join(f, 'notes.txt'), 'x'), 'whole'],
  ['an extra folder', 'closed', (f) => mkdirSync(join(f, 'more')), 'whole'],
  ['the lock file is missing', 'closed', (f) => rmSync(join(f, 'lock.db')), 'whole'],
  ['the watermark is missing', 'closed', (f) => rmSync(join(f, 'watermark')), 'STORE_CORRUPT'],
  ['the watermark is empty', 'closed', (f) => truncateSync(join(f, 'watermark'), 0), 'STORE_CORRUPT'],
  ['the watermark is cut', 'closed', (f) => truncateSync(join(f, 'watermark'), SLOT + 10), 'STORE_CORRUPT'],
  ['the watermark is longer', 'closed', (f) => alter(f, 'watermark', (b) => Buffer.concat([b, b])), 'STORE_CORRUPT'],
  ['the watermark is zeros', 'closed', (f) => alter(f, 'watermark', (b) => Buffer.alloc(b.length)), 'STORE_CORRUPT'],
  ['both slots are damaged', 'closed', (f) => alter(f, 'watermark', (b) => flipAt(SLOT + 20)(flipAt(20)(b))), 'STORE_CORRUPT'],
  ['the newer slot is torn, as when killed', 'closed', (f) => alter(f, 'watermark', (b) => flipAt(newestSlot(b) + 30)(b)), 'whole'],
  ['the older slot is damaged', 'closed', (f) => alter(f, 'watermark', (b) => flipAt(SLOT - newestSlot(b) + 30)(b)), 'STORE_CORRUPT'],
  ['the watermark is of one block before', 'closed', (f) => take(earlier(22), f, 'watermark'), 'whole'],
  ['the watermark is of two blocks before', 'closed', (f) => take(earlier(21), f, 'watermark'), 'STORE_CORRUPT'],
  [
    'the watermark is of another store of the same height',
    'closed',
    (f) => take(filledFolders(chainOfBlocks(24, 12), 3).closed, f, 'watermark'),
    'STORE_CORRUPT',
  ],
  [
    'the watermark is of another store, one block lower',
    'closed',
    (f) => take(filledFolders(chainOfBlocks(23, 12), 3).closed, f, 'watermark'),
    'STORE_CORRUPT',
  ],
  ['the database is missing', 'closed', (f) => rmSync(join(f, 'blocks.db')), 'STORE_CORRUPT'],
  ['the database is empty', 'closed', (f) => truncateSync(join(f, 'blocks.db'), 0), 'STORE_CORRUPT'],
  [
    'the database is cut to half',
    'closed',
    (f) => truncateSync(join(f, 'blocks.db'), statSync(join(f, 'blocks.db')).size >> 1),
    'STORE_CORRUPT',
  ],
  ['the database is text', 'closed', (f) => writeFileSync(join(f, 'blocks.db'), 'hello '.repeat(2_000)), 'STORE_CORRUPT'],
  ['the database is an earlier copy', 'closed', (f) => take(earlier(10), f, 'blocks.db'), 'STORE_CORRUPT'],
  ['the database is one block earlier', 'closed', (f) => take(earlier(22), f, 'blocks.db'), 'STORE_CORRUPT'],
  ['the database is of another program', 'closed', (f) => foreign(f, 'CREATE TABLE block (height INTEGER PRIMARY KEY)'), 'STORE_CORRUPT'],
  [
    'the database has a trigger',
    'closed',
    (f) => edit(f, 'CREATE TRIGGER t AFTER INSERT ON block BEGIN DELETE FROM block; END'),
    'STORE_CORRUPT',
  ],
  ['the database has another table', 'closed', (f) => edit(f, 'CREATE TABLE more (x)'), 'STORE_CORRUPT'],
  ['the database is of a later format', 'closed', (f) => edit(f, 'PRAGMA user_version = 2'), 'STORE_VERSION'],
  ['the newest block is gone', 'closed', (f) => edit(f, 'DELETE FROM block WHERE height = 23'), 'STORE_CORRUPT'],
  ['a block in the middle is gone', 'closed', (f) => edit(f, 'DELETE FROM block WHERE height = 9'), 'STORE_CORRUPT'],
  ['the first block is gone', 'closed', (f) => edit(f, 'DELETE FROM block WHERE height = 1'), 'STORE_CORRUPT'],
  ['the genesis is gone', 'closed', (f) => edit(f, 'DELETE FROM block WHERE height = 0'), 'STORE_CORRUPT'],
  [
    'a block holds the bytes of another',
    'closed',
    (f) => edit(f, 'UPDATE block SET block = (SELECT block FROM block WHERE height = 3) WHERE height = 5'),
    'STORE_CORRUPT',
  ],
  ['a state root is changed', 'closed', (f) => edit(f, "UPDATE block SET state_root = x'00' WHERE height = 5"), 'STORE_CORRUPT'],
  [
    'a row for queries is changed',
    'closed',
    (f) => edit(f, "UPDATE row SET value = x'00' WHERE kind = 'receipt' AND height = 7"),
    'STORE_CORRUPT',
  ],
  ['a row for queries is gone', 'closed', (f) => edit(f, "DELETE FROM row WHERE kind = 'receipt' AND height = 7"), 'STORE_CORRUPT'],
  [
    'a row for queries has another key',
    'closed',
    (f) => edit(f, "UPDATE row SET key = 'tx-no' WHERE kind = 'receipt' AND height = 7"),
    'STORE_CORRUPT',
  ],
  ['the snapshot lost a chunk', 'closed', (f) => edit(f, 'DELETE FROM snapshot_chunk'), 'STORE_CORRUPT'],
  ['the log is missing after kill -9', 'killed', (f) => rmSync(join(f, 'blocks.db-wal')), 'STORE_CORRUPT'],
  [
    'the log is cut after kill -9',
    'killed',
    (f) => truncateSync(join(f, 'blocks.db-wal'), statSync(join(f, 'blocks.db-wal')).size >> 1),
    'STORE_CORRUPT',
  ],
  ['a bit flips in the middle of the log', 'killed', (f) => alter(f, 'blocks.db-wal', (b) => flipAt(b.length >> 1)(b)), 'STORE_CORRUPT'],
]

function edit(folder: string, sql: string): void {
  const database = new DatabaseSync(join(folder, 'blocks.db'))
  database.exec(sql)
  database.close()
}
function foreign(folder: string, sql: string): void {
  rmSync(join(folder, 'blocks.db'))
  edit(folder, sql)
}

describe('a data folder', () => {
  test.each(cases.map(([name, from, damage, outcome]) => ({ name, from, damage, outcome })))(
    '$name ($from): $outcome',
    ({ from, damage, outcome }) => {
      const folder = copyFolder(folders[from])
      damage(folder)
      const found = everythingOf(folder, blocks)
      expect(found === whole ? 'whole' : found).toBe(outcome)
    },
  )

  test('a refusal names the file and the place, and changes nothing', () => {
    const folder = copyFolder(folders.closed)
    edit(folder, "UPDATE block SET results = x'01' WHERE height = 6")
    const before = readFileSync(join(folder, 'blocks.db'))
    let refusal: NodeError | undefined
    try {
      openStore(folder)
    } catch (error) {
      refusal = error as NodeError
    }
    expect([refusal?.data['file'], refusal?.data['where'], refusal?.row.exit]).toEqual([join(folder, 'blocks.db'), 'block 6', 70])
    expect(refusal?.message).toContain('mv ')
    expect(readFileSync(join(folder, 'blocks.db')).equals(before)).toBe(true)
  })

  test('a bit flipped anywhere is found, or harms nothing', () => {
    const [count, seed] = [Number(process.env['TAUMESH_FLIPS'] ?? 250), testSeed()]
    const random = rng(seed)
    const wrong: string[] = []
    let found = 0
    for (let i = 0; i < count; i++) {
      const from = i % 2 === 0 ? folders.closed : folders.killed
      const name = i % 10 === 0 ? 'watermark' : from === folders.killed && i % 4 === 1 ? 'blocks.db-wal' : 'blocks.db'
      const folder = copyFolder(from)
      const at = random.int(statSync(join(folder, name)).size)
      alter(folder, name, (bytes) => {
        bytes[at]! ^= 1 << random.int(8)
        return bytes
      })
      const answer = everythingOf(folder, blocks)
      if (answer.startsWith('STORE_')) found += 1
      else if (answer !== whole) wrong.push(`seed ${seed}, flip ${i}: ${name} byte ${at}`)
      rmSync(folder, { recursive: true })
    }
    console.log(JSON.stringify({ suite: 'F06', seed, cases: count, found, wrong: wrong.length }))
    expect(wrong).toEqual([])
    expect(found).toBeGreaterThan(0)
  })

  test('a second process is refused by name, and may come once the first was killed', async () => {
    const folder = copyFolder(folders.closed)
    const holder = `
      const { sqliteBlockStore } = await import(${JSON.stringify(new URL('../../../../src/ledger/store/sqlite-block-store.ts', import.meta.url).href)})
      globalThis.store = sqliteBlockStore({ path: process.argv[1] }, { log: { warn() {} } })
      process.stdout.write('open')
      setInterval(() => {}, 1_000)`
    const child = spawn(process.execPath, ['--input-type=module', '-e', holder, folder], { stdio: ['ignore', 'pipe', 'inherit'] })
    await once(child.stdout, 'data')
    expect(() => openStore(folder)).toThrow(folder)
    expect(everythingOf(folder, blocks)).toBe('STORE_LOCKED')
    child.kill('SIGKILL')
    await once(child, 'exit')
    expect(everythingOf(folder, blocks)).toBe(whole)
  })

  test('a folder of its own is made, for its owner alone', () => {
    const path = join(temporaryFolder(), 'a', 'b')
    openStore(path).close()
    expect(statSync(path).mode & 0o777).toBe(0o700)
    expect(statSync(join(path, 'watermark')).mode & 0o777).toBe(0o600)
  })
})
