/**
 * A checkout that is not set up yet, of this code: npm, cargo and the tools that build are stand-ins which only note that they
 * were called, while the command line that follows them is the real one.
 */
import { spawnSync } from 'node:child_process'
import { copyFileSync, existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { temporaryFolder } from './folders.ts'

const here = join(import.meta.dirname, '..', '..')

export interface Checkout {
  folder: string
  /** Runs `npm/launch.mjs`, as the scripts of `package.json` do. */
  launch: (args: string[], env?: Record<string, string>) => { code: number | null; stdout: string; stderr: string }
  /** What was called since the last question, in order. */
  calls: () => string[]
}

export function freshCheckout(): Checkout {
  const folder = temporaryFolder()
  const notes = join(folder, 'calls')
  const standIn = (name: string, lines: string[]): void => writeFileSync(name, ['#!/bin/sh', ...lines, ''].join('\n'), { mode: 0o755 })
  for (const name of ['src', 'crates', 'Cargo.toml', 'Cargo.lock', 'package-lock.json']) symlinkSync(join(here, name), join(folder, name))
  for (const name of ['npm', 'bin', 'node_modules/.bin']) mkdirSync(join(folder, name), { recursive: true })
  copyFileSync(join(here, 'npm/launch.mjs'), join(folder, 'npm/launch.mjs'))
  for (const name of ['npm', 'cargo']) standIn(join(folder, 'bin', name), [`echo ${name} >> '${notes}'`])
  standIn(join(folder, 'node_modules/.bin/node'), [
    `case "$1" in node_modules/*) echo "$1" >> '${notes}'; exit 0;; esac`,
    `exec '${process.execPath}' "$@"`,
  ])

  const { NODE_COMPILE_CACHE: _, ...inherited } = process.env
  return {
    folder,
    launch: (args, env = {}) => {
      const { status, stdout, stderr } = spawnSync(process.execPath, ['npm/launch.mjs', ...args], {
        cwd: folder,
        encoding: 'utf8',
        maxBuffer: 64 * 2 ** 20,
        env: { ...inherited, PATH: `${join(folder, 'bin')}${delimiter}${inherited['PATH']}`, ...env },
      })
      return { code: status, stdout, stderr }
    },
    calls: () => {
      const lines = existsSync(notes) ? readFileSync(notes, 'utf8').split('\n').slice(0, -1) : []
      writeFileSync(notes, '')
      return lines
    },
  }
}
