/** The README against the program: every command, script, room and file that it names exists. */
import { execFileSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { BEGIN, withMeasured, type Results } from '../bench/readme-table.ts'

const readme = readFileSync('README.md', 'utf8')
const { scripts } = JSON.parse(readFileSync('package.json', 'utf8')) as { scripts: Record<string, string> }
const helps = new Map<string, string>()
/** Asked once of each command: the README shows some of them often. */
function help(...args: string[]): string {
  const known = helps.get(args.join(' '))
  if (known !== undefined) return known
  const text = execFileSync(process.execPath, ['src/cli/main.ts', ...args, '--help'], { encoding: 'utf8' })
  helps.set(args.join(' '), text)
  return text
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
    const text = help(...command)
    expect(text, line).toContain(`taumesh ${command.join(' ')}`)
    for (const option of words.filter((word) => word.startsWith('--'))) expect(text, line).toContain(option)
  }
}, 120_000)

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
