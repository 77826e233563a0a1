/** The architecture and the habits of the code, as tests over its text. To change the architecture, change a row. */
import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path/posix'
import { expect, test } from 'vitest'

/** Bottom first: a room and the rooms it may import, all of them written above it. */
const rooms: [name: string, mayImport: string[]][] = [
  ['protocol', []],
  ['native', ['protocol']],
  ['keys', ['protocol', 'native']],
  ['ledger/state', ['protocol', 'native']],
  ['ledger/engines', ['protocol', 'ledger/state']],
  ['ledger/store', ['protocol']],
  ['network', ['protocol', 'native']],
  ['experts', ['protocol', 'native']],
  ['scoring', ['protocol', 'native']],
  ['roles', ['protocol', 'experts', 'scoring']],
  ['api', ['protocol']],
  ['dashboard', ['protocol']],
  [
    'node',
    ['protocol', 'native', 'keys', 'ledger/state', 'ledger/engines', 'ledger/store', 'network', 'experts', 'scoring', 'roles', 'api'],
  ],
  [
    'lab',
    ['protocol', 'native', 'keys', 'ledger/state', 'ledger/engines', 'ledger/store', 'network', 'experts', 'scoring', 'roles', 'node'],
  ],
  ['cli', ['protocol', 'keys', 'node', 'lab']],
  ['index.ts', ['protocol', 'node']],
]
/** Rooms whose folders stand side by side: each may use the files lying in the room itself, never a neighbour's. */
const apart = ['ledger/engines', 'network', 'roles']
/** What has few doors: the start of a path or package name, and the only rooms that may name it. */
const doors = Object.entries({
  'src/keys/coldkey': ['keys', 'cli'],
  'src/native/binding': ['native'],
  'src/native/addon': ['native', 'node', 'lab'],
  'src/native/reference': ['native', 'node', 'lab'],
  'node:sqlite': ['ledger/store'],
  fastify: ['api', 'network'],
  libp2p: ['network'],
  '@libp2p/': ['network'],
  preact: ['dashboard'],
  pino: ['node'],
})

const roomOf = (path: string): string => rooms.find(([room]) => `${path}/`.startsWith(`src/${room}/`))?.[0] ?? 'nowhere'
const folderIn = (path: string, room: string): string | undefined => /^([^/]+)\//.exec(path.slice(`src/${room}/`.length))?.[1]
const specifiers = /((?:import|export)\s+type\s+(?:\{[^}]*\}|\*(?:\s+as\s+\w+)?|\w+)\s*)?\b(?:from|import)\s*\(?\s*['"]([^'"]+)['"]/g

const sources = (folder: string): string[] =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((file) => /\.tsx?$/.test(file) && !file.endsWith('binding.d.ts'))
    .map((file) => join(folder, file))
const files = sources('src')
const text = (file: string): string => readFileSync(file, 'utf8')
const uses = files.flatMap((file) =>
  [...text(file).matchAll(specifiers)].map(([, type, spec = '']) => {
    const local = spec.startsWith('.')
    const to = local ? join(dirname(file), spec) : spec
    return { file, spec, local, to, from: roomOf(file), into: local ? roomOf(to) : 'outside', typeOnly: type !== undefined }
  }),
)
const broken = (rule: (use: (typeof uses)[number]) => boolean): string[] => uses.filter(rule).map(({ file, spec }) => `${file} -> ${spec}`)

test('the table has no cycle, and something was read', () => {
  for (const [i, [room, may]] of rooms.entries())
    for (const m of may)
      expect(
        rooms.slice(0, i).map(([name]) => name),
        `${room} -> ${m}`,
      ).toContain(m)
  expect(uses.filter(({ local }) => local).length, 'no import seen is a failure, not a pass').toBeGreaterThan(0)
  expect(files.filter((file) => roomOf(file) === 'nowhere')).toEqual([])
})

test('every import follows the table', () => {
  const may = new Map(rooms)
  expect(broken(({ local, from, into }) => local && into !== from && may.get(from)?.includes(into) !== true)).toEqual([])
})

test('neighbours do not know each other', () => {
  expect(
    broken(
      ({ file, from, into, to }) =>
        into === from && apart.includes(from) && ![undefined, folderIn(file, from)].includes(folderIn(to, from)),
    ),
  ).toEqual([])
})

test('few doors stay few', () => {
  expect(broken(({ from, to }) => doors.some(([what, openTo]) => to.startsWith(what) && !openTo.includes(from)))).toEqual([])
})

test('the dashboard takes types only', () => {
  expect(broken(({ from, into, local, typeOnly }) => from === 'dashboard' && local && into !== from && !typeOnly)).toEqual([])
})

test('only the addon names napi', () => {
  const naming = readdirSync('crates').filter((crate) => /^napi/m.test(text(`crates/${crate}/Cargo.toml`)))
  expect(naming).toEqual(['addon'])
})

test('files stay small, and the first thing in each is its comment', () => {
  const all = [...files, ...sources('test'), ...sources('bench')]
  expect(all.filter((file) => text(file).split('\n').length > 400)).toEqual([])
  expect(files.filter((file) => !/^(#!.*\n)?\/(\*\*|\/)/.test(text(file)))).toEqual([])
})

test('the root holds what belongs there: documents, manifests, locks', () => {
  const kept = execFileSync('git', ['ls-files', '--', ':(glob)*'], { encoding: 'utf8' }).split('\n').filter(Boolean)
  expect(kept.filter((file) => !file.startsWith('.'))).toEqual([
    'CHANGELOG.md',
    'Cargo.lock',
    'Cargo.toml',
    'LICENSE',
    'README.md',
    'package-lock.json',
    'package.json',
    'tsconfig.json',
  ])
})

test('no barrel, no default export, no util', () => {
  expect(files.filter((file) => /(^|\/)(index|utils?|helpers?|common|misc)(\.tsx?|\/)/.test(file.replace(/^src\/index\.ts$/, '')))).toEqual(
    [],
  )
  expect(files.filter((file) => /^export default /m.test(text(file)) && !file.endsWith('vite.config.ts'))).toEqual([])
})

test('each error code is thrown somewhere, and none is thrown that has no row', () => {
  const rows = [...text('src/protocol/errors.ts').matchAll(/^ {2}([A-Z][A-Z0-9_]+): \{/gm)].map(([, code = '']) => code)
  expect(rows.length).toBeGreaterThan(0)
  expect(rows.length, 'a code stands twice').toBe(new Set(rows).size)
  const rust = readdirSync('crates', { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.rs'))
  const named = [
    ...files.filter((file) => file !== 'src/protocol/errors.ts').map(text),
    ...rust.map((file) => text(`crates/${file}`)),
  ].join('\n')
  expect(rows.filter((code) => !named.includes(code))).toEqual([])
})
