/** A panic of native code: planted in an addon that is built for this, since the one that is shipped has none to be found. */
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { temporaryFolder } from '../support/folders.ts'
import { plantedAddon } from '../support/planted-addon.ts'

test('a panic is NATIVE_PANIC with its words, however it is met, and prints nothing', async () => {
  const script = [join(import.meta.dirname, 'addon-panics.ts'), await plantedAddon(temporaryFolder())]
  const { RUST_BACKTRACE: _unset, ...env } = process.env
  const meet = async (asked: NodeJS.ProcessEnv) => await promisify(execFile)(process.execPath, script, { env: { ...env, ...asked } })
  const { stdout, stderr } = await meet({})
  expect(JSON.parse(stdout)).toEqual({
    function: 'NATIVE_PANIC: native code failed: planted here',
    constructor: 'NATIVE_PANIC: native code failed: planted in a constructor',
    getter: 'NATIVE_PANIC: native code failed: planted in a getter',
    method: 'NATIVE_PANIC: native code failed: planted in a method',
    job: 'NATIVE_PANIC: native code failed: planted in a job',
  })
  expect(stderr).toBe('')
  // Whoever looks for the cause asks for the report.
  expect((await meet({ RUST_BACKTRACE: '1' })).stderr).toMatch(/planted\.rs:\d+/)
}, 600_000)
