/** The first step of every npm script, in checkouts that are not set up: what it builds, when it answers, what it keeps. */
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { freshCheckout } from '../../support/checkout.ts'

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
