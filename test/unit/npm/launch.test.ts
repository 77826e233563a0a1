/** The first step of every npm script, in checkouts that are not set up: what it builds, when it answers, what it keeps. */
import { mkdirSync, writeFileSync } from 'node:fs'
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
