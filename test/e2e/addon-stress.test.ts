/** The addon under many calls and many threads, each in a process of its own: a crash there is a failure here. */
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { addonCalls, addonExports } from '../support/addon-calls.ts'
import { temporaryFolder } from '../support/folders.ts'
import { plantedAddon } from '../support/planted-addon.ts'

const run = async (script: string, ...args: string[]): Promise<Record<string, unknown>> => {
  const path = join(import.meta.dirname, script)
  const env = { ...process.env, MALLOC_ARENA_MAX: '1' }
  const { stdout } = await promisify(execFile)(process.execPath, ['--expose-gc', path, ...args], { env }).catch(
    (error: { stdout?: string; message: string }) => {
      if (error.stdout !== undefined && error.stdout !== '') return { stdout: error.stdout }
      throw new Error(error.message)
    },
  )
  return JSON.parse(stdout) as Record<string, unknown>
}

test('every export has a call in the list', () => {
  expect(Object.keys(addonCalls()).sort()).toEqual(addonExports())
})

test('no export keeps memory, or piles it up, over 8,000 calls of each and 0.7 s of the fast ones', async () => {
  const report = await run('addon-memory.ts', '--calls', '8000', '--seconds', '0.7')
  expect(report).toMatchObject({ leaking: [], rising: [], exports: addonExports().length })
}, 600_000)

test('a planted leak of 64 bytes a call is seen, in the 100,000 calls that a fast export is given', async () => {
  const addon = await plantedAddon(temporaryFolder())
  expect(await run('addon-memory.ts', '--calls', '100000', '--planted', addon)).toMatchObject({ leaking: ['plantedLeak'], exports: 1 })
}, 600_000)

test.each(['solving', 'busy'])(
  'twenty %s workers that end in the middle of their work leave no thread and no memory behind',
  async (work) => {
    const report = (await run('addon-workers.ts', '--workers', '20', '--work', work)) as Record<string, { threads: number; rss: number }>
    const { before, after } = report
    expect(after?.threads).toBe(before?.threads)
    expect((after?.rss ?? Infinity) - (before?.rss ?? 0)).toBeLessThan(32 << 20)
  },
  120_000,
)
