/**
 * The packages as a user gets them: packed, published on trial, installed by npm in a folder outside the repository, and
 * run there under an empty home folder. What they depend on is linked from the repository, so nothing is downloaded; what
 * they do not name is not there.
 */
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { delimiter, dirname, join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { temporaryFolder } from '../support/folders.ts'
import { isGpuProgramBuilt } from '../support/gpu-programs.ts'
import { runOf, startNodeOf, type Program } from '../support/node-process.ts'

const root = join(import.meta.dirname, '..', '..')
const folder = temporaryFolder()
const packages = join(folder, 'packages')
const app = join(folder, 'app')
const env = {
  ...process.env,
  HOME: join(folder, 'home'),
  // The Node of these tests runs what npm starts and links.
  PATH: [dirname(process.execPath), process.env['PATH']].join(delimiter),
  npm_config_update_notifier: 'false',
}
const taumesh: Program = { command: join(app, 'node_modules', '.bin', 'taumesh'), env }

interface Manifest {
  name: string
  version: string
  dependencies?: Record<string, string>
}
const manifestOf = (name: string): Manifest => JSON.parse(readFileSync(join(packages, name, 'package.json'), 'utf8')) as Manifest
const names = (): string[] => readdirSync(packages, { withFileTypes: true }).flatMap((entry) => (entry.isDirectory() ? [entry.name] : []))
const addon = (): string => names().find((name) => name.startsWith('addon-')) ?? ''
const npm = (cwd: string, ...args: string[]): string => execFileSync('npm', args, { cwd, env, encoding: 'utf8', stdio: 'pipe' })

/** `npm install` of tarballs, with what they depend on as links into the repository. */
function install(...chosen: string[]): void {
  const links = chosen.flatMap((name) => Object.keys(manifestOf(name).dependencies ?? {}))
  const tarballs = chosen.map((name) => {
    const manifest = manifestOf(name)
    return [manifest.name, `file:${join(packages, `${manifest.name.replace('@', '').replace('/', '-')}-${manifest.version}.tgz`)}`]
  })
  const dependencies = Object.fromEntries([...links.map((name) => [name, `file:${join(root, 'node_modules', name)}`]), ...tarballs])
  mkdirSync(app, { recursive: true })
  writeFileSync(join(app, 'package.json'), JSON.stringify({ private: true, type: 'module', dependencies }))
  npm(app, 'install', '--offline', '--ignore-scripts', '--no-audit', '--no-fund')
}

beforeAll(() => {
  mkdirSync(env.HOME)
  execFileSync(process.execPath, [join(root, 'npm', 'pack.mjs'), packages], { env, stdio: 'pipe' })
  install('taumesh', addon())
}, 180_000)

test.each(['taumesh', 'addon', 'text'])('%s can be published, and holds what it should', (kind) => {
  const name = kind === 'addon' ? addon() : kind
  const [published] = Object.values(
    JSON.parse(npm(join(packages, name), 'publish', '--dry-run', '--json', '--offline')) as Record<string, { files: { path: string }[] }>,
  )
  const files = published?.files.map(({ path }) => path) ?? []
  if (kind === 'taumesh') {
    expect(files).toEqual(
      expect.arrayContaining(['README.md', 'dist/cli/main.js', 'dist/index.d.ts', 'dist/native/binding.js', 'dist/dashboard/index.html']),
    )
    expect(files.filter((path) => /(?<!\.d)\.tsx?$|\.node$/.test(path))).toEqual([])
  } else {
    const brought = [name.replace(/^addon-(.*)$/, 'addon.$1.node'), ...(isGpuProgramBuilt ? ['gpu/taumesh-gpu'] : [])]
    expect(files.toSorted()).toEqual(['LICENSE', 'package.json', ...(kind === 'addon' ? brought : [])].toSorted())
  }
})

test('the command runs and finds the native functions', async () => {
  expect((await runOf(taumesh, '--help')).stdout).toContain('Usage: taumesh')
  expect((await runOf(taumesh, '--version')).stdout.trim()).toBe(manifestOf('taumesh').version)
  const key = (byte: string): string => byte.repeat(32)
  const solve = ['pow', 'solve', '--block-hash', key('11'), '--hotkey', key('22'), '--difficulty', '5000', '--json']
  const { code, stdout, stderr } = await runOf(taumesh, ...solve)
  expect(code, stderr).toBe(0)
  expect(JSON.parse(stdout)).toHaveProperty('seal')
})

test('a measurement names the addon that it measured', async () => {
  const report = join(folder, 'report.json')
  const { code, stderr } = await runOf(taumesh, 'bench', 'pow', '--backend', 'portable', '--seconds', '1', '--report', report)
  expect(code, stderr).toBe(0)
  const { machine } = JSON.parse(readFileSync(report, 'utf8')) as { machine: { addon: string; commit: string | null } }
  expect(machine).toMatchObject({ addon: expect.stringMatching(/^[0-9a-f]{64}$/) as string, commit: null })
})

describe.skipIf(!isGpuProgramBuilt)(`with the GPU program${isGpuProgramBuilt ? '' : ' (not built: npm run build:gpu)'}`, () => {
  test('the program in the package of the platform lists its devices', async () => {
    const { stdout } = await runOf({ ...taumesh, env: { ...env, TAUMESH_GPU_FAKE: '{}' } }, 'devices', '--json')
    const { devices } = JSON.parse(stdout) as { devices: { id: string; usable: boolean }[] }
    expect(devices.find(({ id }) => id === 'fake:0')).toMatchObject({ usable: true })
  })
})

test('other programs may import it, with its types', () => {
  const program = join(app, 'program.ts')
  writeFileSync(
    program,
    `import { openCompute, NodeError, VERSION, type Compute } from 'taumesh'
     const compute: Compute = openCompute()
     const refused = (call: () => unknown): unknown => { try { return call() } catch (error) { return error } }
     const error: unknown = refused(() => compute.pow.seal(new Uint8Array(1), new Uint8Array(32), 0n))
     export const told: [string, string[], boolean] = [VERSION, compute.pow.backends(), error instanceof NodeError]
     console.log(JSON.stringify(told))`,
  )
  const options = ['--noEmit', '--strict', '--target', 'es2024', '--module', 'nodenext', '--skipLibCheck', '--types', '']
  execFileSync(process.execPath, [join(root, 'node_modules/typescript/bin/tsc'), ...options, program], { cwd: app, stdio: 'pipe' })
  const told: unknown = JSON.parse(execFileSync(process.execPath, [program], { cwd: app, env, encoding: 'utf8' }))
  expect(told).toEqual([manifestOf('taumesh').version, expect.arrayContaining(['portable']), true])
})

describe('a local network', () => {
  const data = join(folder, 'data')

  test('without its text, says in one line what to install', async () => {
    const { code, stderr } = await runOf(taumesh, 'start', '--local', '--data', data)
    expect(code).toBe(78)
    expect(stderr.split('\n').filter((line) => line.includes('npm install @taumesh/text'))).toHaveLength(1)
  })

  test('with its text, starts, serves the dashboard and measures its machine', async () => {
    install('taumesh', addon(), 'text')
    const node = startNodeOf(taumesh, data, '--miners', '1', '--validators', '1')
    try {
      const { url } = await node.event('ready')
      const page = await fetch(String(url))
      expect([page.status, await page.text()]).toEqual([200, expect.stringContaining('<title>')])
      const asked = ['bench', 'verify', '--ask', '--subject', 'pow', '--backend', 'portable', '--seconds', '1', '--json']
      const { stdout, stderr } = await runOf(taumesh, ...asked, '--data', data)
      expect(JSON.parse(stdout), stderr).toHaveProperty('metrics')
      expect((await node.end('SIGINT')).code).toBe(0)
    } finally {
      node.child.kill('SIGKILL')
    }
    expect(existsSync(join(data, 'corpus', 'cjk', 'train'))).toBe(true)
  }, 120_000)
})
