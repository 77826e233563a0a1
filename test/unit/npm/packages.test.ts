/** The manifests of the published packages: one per platform, as napi itself makes it, and the demonstration text, as the lock pins it. */
import { copyFileSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { NapiCli } from '@napi-rs/cli'
import { expect, test } from 'vitest'
import { temporaryFolder } from '../../support/folders.ts'

const root = join(import.meta.dirname, '..', '..', '..')
interface Manifest {
  name: string
  version: string
  license: string
  files: string[]
  dependencies: Record<string, string>
}
const manifestIn = (...path: string[]): Manifest => JSON.parse(readFileSync(join(...path, 'package.json'), 'utf8')) as Manifest
const manifest = (...path: string[]): Manifest => manifestIn(root, ...path)
const whole = manifest()

/** The packages that napi makes of the targets in the repository's manifest. */
const made = temporaryFolder()
copyFileSync(join(root, 'package.json'), join(made, 'package.json'))
await new NapiCli().createNpmDirs({ cwd: made })
const platforms = readdirSync(join(made, 'npm'))

test('each target of the addon has its package, and no package is without a target', () => {
  const folders = readdirSync(join(root, 'npm'), { withFileTypes: true }).filter((entry) => entry.isDirectory())
  expect(folders.map(({ name }) => name).sort()).toEqual([...platforms, 'text'].sort())
})

test.each(platforms)('%s is what napi makes for it, with the GPU program beside the addon', (platform) => {
  const byNapi = manifestIn(made, 'npm', platform)
  const program = `gpu/taumesh-gpu${platform.startsWith('win32') ? '.exe' : ''}`
  expect(manifest('npm', platform)).toEqual({ ...byNapi, files: [...byNapi.files, program] })
  expect(readFileSync(join(root, 'src', 'native', 'binding.js'), 'utf8')).toContain(`require('${byNapi.name}')`)
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
