/** The README against the program: every command, script, room and file that it names exists. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import type { Command } from 'commander'
import { BEGIN, withMeasured, type Results } from '../bench/readme-table.ts'
import { program } from '../src/cli/program.ts'

const readme = readFileSync('README.md', 'utf8')
const { scripts } = JSON.parse(readFileSync('package.json', 'utf8')) as { scripts: Record<string, string> }
/** What `--help` of a command prints. */
function help(names: string[]): string {
  const find = (from: Command, name: string): Command | undefined => from.commands.find((one) => one.name() === name)
  const command = names.reduce<Command | undefined>((from, name) => from && find(from, name), program)
  expect(command, names.join(' ')).toBeDefined()
  return command?.helpInformation() ?? ''
}

test('every npm script that the README names exists', () => {
  const named = [...readme.matchAll(/npm run (?:-s )?([\w:]+)/g)].map(([, name = '']) => name)
  expect(named.length).toBeGreaterThan(5)
  expect(named.filter((name) => !(name in scripts))).toEqual([])
  for (const name of ['start', 'test']) expect(scripts).toHaveProperty(name)
})

/** Whether the second word is a command of its own. */
const nested = ([first = '', second = '']: string[]): boolean =>
  ['wallet', 'audit', 'pow'].includes(first) || (first === 'bench' && ['verify', 'history', 'compare'].includes(second))

test('every command and option that the README shows exists', () => {
  const shown = [...readme.matchAll(/(?:npm run -s taumesh --|npm start --) ([^`\n|]+)/g)].map(([whole, rest = '']) =>
    whole.includes('npm start') ? `start ${rest}` : rest,
  )
  expect(shown.length).toBeGreaterThan(8)
  for (const line of shown) {
    const words = line.trim().split(/\s+/)
    const command = words.filter((word) => /^[a-z][a-z-]*$/.test(word)).slice(0, nested(words) ? 2 : 1)
    const text = help(command)
    expect(text, line).toContain(`taumesh ${command.join(' ')}`)
    for (const option of words.filter((word) => word.startsWith('--'))) expect(text, line).toContain(option)
  }
})

test('the rooms of the README are the folders of src, in one list', () => {
  const block = /src\/\n([\s\S]*?)```/.exec(readme)?.[1] ?? ''
  const listed = [...block.matchAll(/^ {2}(\w+)\//gm)].map(([, name = '']) => name)
  const folders = readdirSync('src', { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => name)
  expect(listed.toSorted()).toEqual(folders.toSorted())
})

test('files and pictures that the README points at exist, and no figure is missing', () => {
  const links = [...readme.matchAll(/\]\(([^)#]+)\)/g)].map(([, path = '']) => path).filter((path) => !path.startsWith('http'))
  expect(links.length).toBeGreaterThan(0)
  expect(links.filter((path) => !existsSync(path))).toEqual([])
  expect(readme).not.toContain('FIGURES')
})

test('the measured part of the README is what the stored results make', () => {
  expect(readme.split(BEGIN)).toHaveLength(2)
  if (!existsSync('bench/results.json')) return
  expect(withMeasured(readme, JSON.parse(readFileSync('bench/results.json', 'utf8')) as Results)).toBe(readme)
})
