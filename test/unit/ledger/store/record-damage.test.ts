/** Damaged folders of the record store: it keeps evidence and tokens, so it refuses what it cannot vouch for. */
import { copyFileSync, rmSync, statSync, truncateSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { expect, test } from 'vitest'
import { sqliteRecordStore } from '../../../../src/ledger/store/sqlite-record-store.ts'
import { NodeError } from '../../../../src/protocol/errors.ts'
import { temporaryFolder } from '../../../support/folders.ts'
import { silentLog } from '../../../support/silent-log.ts'
import { alter, copyFolder } from '../../../support/store-folder.ts'

const open = (path: string) => sqliteRecordStore({ path }, { log: silentLog() })
const value = (i: number): Uint8Array => new Uint8Array(40).fill(i)

/** Folders after 6 and after 12 commits, closed; and after 12, killed. */
const filled = await (async () => {
  const path = temporaryFolder()
  let [store, early] = [open(path), '']
  for (let i = 0; i < 12; i++) {
    if (i === 6) {
      await store.close()
      early = copyFolder(path)
      store = open(path)
    }
    await Promise.all([
      store.table('tokens', { maxRows: 100 }).put(`k${i}`, value(i)),
      store.list('evidence', { maxBytes: 10_000 }).append([value(i)]),
    ])
  }
  const killed = copyFolder(path)
  await store.close()
  return { early, killed, closed: path }
})()

async function everything(path: string): Promise<string> {
  let store
  try {
    store = open(path)
    const [table, list] = [store.table('tokens', { maxRows: 100 }), store.list('evidence', { maxBytes: 10_000 })]
    const rows = await table.entries('', 100)
    const items = await list.range(0, 100)
    return JSON.stringify([rows.map((row) => [row.key, row.value[0]]), items.map((item) => [item.index, item.value[0]])])
  } catch (error) {
    if (error instanceof NodeError) return error.code
    throw error
  } finally {
    await store?.close()
  }
}
const whole = await everything(copyFolder(filled.closed))
function edit(folder: string, sql: string): void {
  const database = new DatabaseSync(join(folder, 'records.db'))
  database.exec(sql)
  database.close()
}

const cases: [name: string, from: keyof typeof filled, damage: (folder: string) => void, outcome: string][] = [
  ['nothing', 'closed', () => undefined, 'whole'],
  ['nothing, after kill -9', 'killed', () => undefined, 'whole'],
  ['the watermark is missing', 'closed', (f) => rmSync(join(f, 'records-watermark')), 'STORE_CORRUPT'],
  ['the watermark is zeros', 'closed', (f) => alter(f, 'records-watermark', (b) => Buffer.alloc(b.length)), 'STORE_CORRUPT'],
  ['the database is missing', 'closed', (f) => rmSync(join(f, 'records.db')), 'STORE_CORRUPT'],
  [
    'the database is an earlier copy',
    'closed',
    (f) => copyFileSync(join(filled.early, 'records.db'), join(f, 'records.db')),
    'STORE_CORRUPT',
  ],
  ['the log is missing after kill -9', 'killed', (f) => rmSync(join(f, 'records.db-wal')), 'STORE_CORRUPT'],
  [
    'the log is cut after kill -9',
    'killed',
    (f) => truncateSync(join(f, 'records.db-wal'), statSync(join(f, 'records.db-wal')).size >> 1),
    'STORE_CORRUPT',
  ],
  ['a record is changed', 'closed', (f) => edit(f, "UPDATE record SET value = x'09' WHERE key = 'k3'"), 'STORE_CORRUPT'],
  ['a record has another key', 'closed', (f) => edit(f, "UPDATE record SET key = 'other' WHERE key = 'k3'"), 'STORE_CORRUPT'],
  ['an item is changed', 'closed', (f) => edit(f, "UPDATE item SET value = x'09' WHERE number = 3"), 'STORE_CORRUPT'],
  ['an item is gone', 'closed', (f) => edit(f, 'DELETE FROM item WHERE number = 3'), 'STORE_CORRUPT'],
  ['the bounds of a list are changed', 'closed', (f) => edit(f, 'UPDATE list SET next = 9'), 'STORE_CORRUPT'],
  ['a table is added', 'closed', (f) => edit(f, 'CREATE TABLE more (x)'), 'STORE_CORRUPT'],
]

test.each(cases.map(([name, from, damage, outcome]) => ({ name, from, damage, outcome })))(
  '$name ($from): $outcome',
  async ({ from, damage, outcome }) => {
    const folder = copyFolder(filled[from])
    damage(folder)
    const found = await everything(folder)
    expect(found === whole ? 'whole' : found).toBe(outcome)
  },
)

test('a second store on the folder is refused while the first is open', async () => {
  const folder = copyFolder(filled.closed)
  const first = open(folder)
  expect(await everything(folder)).toBe('STORE_LOCKED')
  await first.close()
  expect(await everything(folder)).toBe(whole)
})
