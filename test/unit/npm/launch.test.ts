/** The first step of every npm script, in checkouts that are not set up: what it builds, when it answers, what it keeps. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { freshCheckout } from '../../support/checkout.ts'
import { isAlive } from '../../support/processes.ts'

const NAPI = 'node_modules/@napi-rs/cli/dist/cli.js'
const VITE = 'node_modules/vite/bin/vite.js'
/** A short command that needs nothing of what is built. */
const listing = ['cli', 'wallet', 'list', '--json']
const listed = { code: 0, stdout: '[]\n' }

test.each([
  ['start', ['--frobnicate'], "unknown option '--frobnicate'. See: taumesh start --help [CLI_USAGE]"],
  ['start', ['--miners', '0'], '[CLI_USAGE]'],
])('%s %j is refused before anything is built', (program, args, reason) => {
  const { launch, calls } = freshCheckout()
  const { code, stdout, stderr } = launch([program, ...args])
  expect([code, stdout]).toEqual([2, ''])
  expect(stderr.trimEnd()).toMatch(/\ntaumesh: .*$/)
  expect(stderr).toContain(reason)
  expect(calls()).toEqual(['npm'])
})

test.each([
  ['start', ['--help'], 'Usage: taumesh start'],
  ['cli', ['wallet'], 'Usage: taumesh wallet'],
])('the help of %s %j needs no build', (program, args, help) => {
  const { launch, calls } = freshCheckout()
  const { code, stdout } = launch([program, ...args])
  expect([code, stdout]).toEqual([0, expect.stringContaining(help)])
  expect(calls()).toEqual(['npm'])
})

test('a command that can run is run once everything is built, and nothing is built twice', () => {
  const { folder, launch, calls } = freshCheckout()
  expect(launch(listing)).toMatchObject(listed)
  expect(calls()).toEqual(['npm', 'cargo', NAPI, VITE])
  mkdirSync(join(folder, 'dist/dashboard'), { recursive: true })
  writeFileSync(join(folder, 'dist/dashboard/index.html'), '')
  expect(launch(listing)).toMatchObject({ ...listed, stderr: '' })
  expect(calls()).toEqual([])
})

test('who stops the installation stops npm too, and is told how to go on', () => {
  const { folder, launch } = freshCheckout()
  const pid = join(folder, 'pid')
  // It has its caller stopped, and works on for an hour unless it is stopped itself.
  writeFileSync(join(folder, 'bin/npm'), `#!/bin/sh\necho $$ > '${pid}'\nkill -TERM $PPID\nexec sleep 3600\n`)
  const { code, stderr } = launch(listing)
  expect([code, stderr]).toEqual([
    78,
    expect.stringMatching(/taumesh: stopped while installing packages\. Run the command again to go on\n$/),
  ])
  expect(isAlive(Number(readFileSync(pid, 'utf8')))).toBe(false)
})

test.skipIf(!existsSync('/proc/self/status'))(
  'who stops npm, which tells its shell alone, stops all that it started (needs Linux)',
  async () => {
    const { folder } = freshCheckout()
    const pid = join(folder, 'pid')
    const shell = "$(sed -n 's/^PPid:[^0-9]*//p' /proc/$PPID/status)"
    writeFileSync(join(folder, 'bin/npm'), `#!/bin/sh\necho $$ > '${pid}'\nkill -KILL ${shell}\nexec sleep 3600\n`)
    const env = { ...process.env, PATH: `${join(folder, 'bin')}:${process.env['PATH']}`, npm_lifecycle_event: 'cli' }
    // Two commands: a shell becomes the only one that it is given.
    const between = spawn('sh', ['-c', `'${process.execPath}' npm/launch.mjs cli; true`], { cwd: folder, env, stdio: 'ignore' })
    expect(await once(between, 'exit')).toEqual([null, 'SIGKILL'])
    const installing = Number(readFileSync(pid, 'utf8'))
    await expect.poll(() => isAlive(installing), { timeout: 20_000 }).toBe(false)
  },
)

test('why npm failed is said by its own sentence', () => {
  const { folder, launch } = freshCheckout()
  const lines = ['code ENOTEMPTY', 'syscall rmdir', 'path /somewhere', 'errno -39', 'ENOTEMPTY: directory not empty']
  writeFileSync(join(folder, 'bin/npm'), ['#!/bin/sh', ...lines.map((line) => `echo 'npm error ${line}' >&2`), 'exit 1', ''].join('\n'))
  expect(launch(listing).stderr).toContain('packages could not be installed: npm error ENOTEMPTY: directory not empty. Check')
})

/** Node's own notes on its cache of compiled code, in the lines of stderr. */
const noted = { NODE_DEBUG_NATIVE: 'COMPILE_CACHE' }
const ACCEPTED = /V8 code cache for ESM \S+\/src\/cli\/main\.ts was accepted/

test('what Node compiled for one command is kept beside the packages and taken for the next', () => {
  const { folder, launch } = freshCheckout()
  // The parser's own run before the build fills the cache for the command behind it.
  launch(listing)
  expect(readdirSync(join(folder, 'node_modules/.taumesh/compiled'), { recursive: true }).length).toBeGreaterThan(1)
  const next = launch(listing, noted)
  expect(next).toMatchObject(listed)
  expect(next.stderr).toMatch(ACCEPTED)
})

test('a cache that cannot be written changes nothing', () => {
  const { folder, launch } = freshCheckout()
  // A file where the folder should be: unlike permissions, it stops the administrator too.
  mkdirSync(join(folder, 'node_modules/.taumesh'))
  writeFileSync(join(folder, 'node_modules/.taumesh/compiled'), '')
  expect(launch(listing)).toMatchObject(listed)
  const next = launch(listing, noted)
  expect(next).toMatchObject(listed)
  expect(next.stderr).not.toMatch(ACCEPTED)
})
