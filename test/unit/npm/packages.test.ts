/** The prebuilt packages: one manifest per platform that napi names, each publishable, and the loader finds what they bring. */
import { execFileSync } from 'node:child_process'
import { copyFileSync, cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'

const root = join(import.meta.dirname, '..', '..', '..')
interface Manifest {
  name: string
  version: string
  license: string
  main: string
  files: string[]
  os: string[]
  cpu: string[]
  libc?: string[]
  napi: { targets: string[]; binaryName: string; packageName: string }
}
const manifest = (...path: string[]): Manifest => JSON.parse(readFileSync(join(root, ...path, 'package.json'), 'utf8')) as Manifest
const whole = manifest()

/** Rust's triples as Node names platforms. */
const platforms: Record<string, string> = {
  'x86_64-unknown-linux-gnu': 'linux-x64-gnu',
  'aarch64-unknown-linux-gnu': 'linux-arm64-gnu',
  'x86_64-unknown-linux-musl': 'linux-x64-musl',
  'aarch64-unknown-linux-musl': 'linux-arm64-musl',
  'aarch64-apple-darwin': 'darwin-arm64',
  'x86_64-pc-windows-msvc': 'win32-x64-msvc',
}
const folders = readdirSync(join(root, 'npm'), { withFileTypes: true }).flatMap((entry) => (entry.isDirectory() ? [entry.name] : []))

test('each target of the addon has its package, and no package is without a target', () => {
  expect([...whole.napi.targets].sort()).toEqual(Object.keys(platforms).sort())
  expect([...folders].sort()).toEqual(Object.values(platforms).sort())
})

test.each(folders)('%s is what its platform installs', (platform) => {
  const [os, cpu, abi] = platform.split('-')
  const one = manifest('npm', platform)
  const addon = `${whole.napi.binaryName}.${platform}.node`
  expect(one).toMatchObject({ name: `${whole.napi.packageName}-${platform}`, version: whole.version, license: whole.license })
  expect(one).toMatchObject({ os: [os], cpu: [cpu], main: addon, files: [addon] })
  expect(one.libc).toEqual({ gnu: ['glibc'], musl: ['musl'] }[abi ?? ''])
  expect(readFileSync(join(root, 'src', 'native', 'binding.js'), 'utf8')).toContain(`require('${one.name}')`)
})

/** A copy of this platform's package with the addon that was built here; undefined where none of them is this machine's. */
function packed(): { folder: string; addon: string } | undefined {
  const addon = readdirSync(join(root, 'src', 'native')).find((name) => name.endsWith('.node'))
  const platform = folders.find((name) => addon === `${whole.napi.binaryName}.${name}.node`)
  if (addon === undefined || platform === undefined) return undefined
  const folder = mkdtempSync(join(tmpdir(), 'taumesh-package-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  cpSync(join(root, 'npm', platform), folder, { recursive: true })
  copyFileSync(join(root, 'src', 'native', addon), join(folder, addon))
  return { folder, addon }
}

test('a publish, tried without publishing, takes the addon and the manifest and nothing else', () => {
  const here = packed()
  expect(here).toBeDefined()
  const { folder, addon } = here as { folder: string; addon: string }
  const said = execFileSync('npm', ['publish', '--dry-run', '--json', '--offline'], { cwd: folder, encoding: 'utf8', stdio: 'pipe' })
  const [published] = Object.values(JSON.parse(said) as Record<string, { files: { path: string }[] }>)
  expect(published?.files.map((file) => file.path).sort()).toEqual([addon, 'package.json'].sort())
})

test('the loader takes the addon from an installed package where none was built', () => {
  const { folder } = packed() as { folder: string }
  const place = mkdtempSync(join(tmpdir(), 'taumesh-installed-'))
  onTestFinished(() => rmSync(place, { recursive: true }))
  const name = (JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as Manifest).name
  mkdirSync(join(place, 'native'))
  mkdirSync(join(place, 'node_modules', name), { recursive: true })
  cpSync(folder, join(place, 'node_modules', name), { recursive: true })
  copyFileSync(join(root, 'src', 'native', 'binding.js'), join(place, 'native', 'binding.mjs'))
  const addon = createRequire(join(place, 'native', 'x.js'))('./binding.mjs') as { powBackends(): string[] }
  expect(addon.powBackends()).toContain('portable')
})
