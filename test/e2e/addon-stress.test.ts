/** The addon under many calls and many threads, each in a process of its own: a crash there is a failure here. */
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { addonCalls, addonExports } from '../support/addon-calls.ts'

const run = async (script: string, ...args: string[]): Promise<Record<string, unknown>> => {
  const path = join(import.meta.dirname, script)
  const { stdout } = await promisify(execFile)(process.execPath, ['--expose-gc', path, ...args]).catch(
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

test('no export keeps memory, over 8,000 calls of each', async () => {
  const report = await run('addon-memory.ts', '--calls', '8000')
  expect(report).toMatchObject({ leaking: [], calls: 8_000 })
  expect(report['exports']).toBe(addonExports().length)
}, 300_000)

test('twenty workers that end in the middle of their work leave no thread and no memory behind', async () => {
  const { before, after } = (await run('addon-workers.ts', '--workers', '20')) as Record<string, { threads: number; rss: number }>
  expect(after?.threads).toBe(before?.threads)
  expect((after?.rss ?? Infinity) - (before?.rss ?? 0)).toBeLessThan(32 << 20)
}, 120_000)
