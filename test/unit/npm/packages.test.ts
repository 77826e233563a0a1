/** The manifests of the published packages: one per platform that napi names, and the demonstration text, as the lock pins it. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'

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
  dependencies: Record<string, string>
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
const folders = readdirSync(join(root, 'npm'), { withFileTypes: true }).flatMap((entry) =>
  entry.isDirectory() && entry.name !== 'text' ? [entry.name] : [],
)

test('each target of the addon has its package, and no package is without a target', () => {
  expect([...whole.napi.targets].sort()).toEqual(Object.keys(platforms).sort())
  expect([...folders].sort()).toEqual(Object.values(platforms).sort())
})

test.each(folders)('%s is what its platform installs: the addon, and the GPU program beside it', (platform) => {
  const [os, cpu, abi] = platform.split('-')
  const one = manifest('npm', platform)
  const addon = `${whole.napi.binaryName}.${platform}.node`
  const program = `gpu/taumesh-gpu${os === 'win32' ? '.exe' : ''}`
  expect(one).toMatchObject({ name: `${whole.napi.packageName}-${platform}`, version: whole.version, license: whole.license })
  expect(one).toMatchObject({ os: [os], cpu: [cpu], main: addon, files: [addon, program] })
  expect(one.libc).toEqual({ gnu: ['glibc'], musl: ['musl'] }[abi ?? ''])
  expect(readFileSync(join(root, 'src', 'native', 'binding.js'), 'utf8')).toContain(`require('${one.name}')`)
})

test('the text is read from the same packages in an installation as here', () => {
  const text = manifest('npm', 'text')
  expect(text).toMatchObject({ name: '@taumesh/text', version: whole.version, license: whole.license })
  const lock = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')) as {
    packages: Record<string, { name?: string; version: string }>
  }
  const pinned = Object.keys(text.dependencies).map((name) => {
    const { name: real = name, version } = lock.packages[`node_modules/${name}`] ?? { version: 'not locked' }
    return [name, real === name ? version : `npm:${real}@${version}`]
  })
  expect(text.dependencies).toEqual(Object.fromEntries(pinned))
})
