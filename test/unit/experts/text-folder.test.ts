import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { readTextFolder } from '../../../src/experts/text-folder.ts'

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'text-'))
})
afterEach(async () => {
  await rm(folder, { recursive: true, force: true })
})
const put = async (name: string, content: string | Uint8Array): Promise<void> => {
  await mkdir(join(folder, name, '..'), { recursive: true })
  await writeFile(join(folder, name), content)
}
const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString('latin1')

test('reads all files below the folder in name order, a line feed between them', async () => {
  await put('b.txt', 'second')
  await put('a/deep/x.md', 'first')
  await put('c.bin', Uint8Array.of(0, 255, 128))
  const read = await readTextFolder(folder)
  expect(text(read.bytes)).toBe('first\nsecond\n\u0000\u00ff\u0080')
  expect(read).toMatchObject({ files: 3, truncated: false })
})

test('reads a single file', async () => {
  await put('one.txt', 'alone')
  expect(text((await readTextFolder(join(folder, 'one.txt'))).bytes)).toBe('alone')
})

test('stops at the limit and says so', async () => {
  await put('a.txt', 'aaaa')
  await put('b.txt', 'bbbb')
  await put('c.txt', 'cccc')
  const read = await readTextFolder(folder, { bytesMax: 7 })
  expect(text(read.bytes)).toBe('aaaa\nbb')
  expect(read).toMatchObject({ files: 2, truncated: true })
})

test('text of exactly the limit is not called truncated', async () => {
  await put('a.txt', 'aaaa')
  expect(await readTextFolder(folder, { bytesMax: 4 })).toMatchObject({ files: 1, truncated: false })
})

test('passes over hidden names and symbolic links', async () => {
  await put('.git/config', 'secret')
  await put('.env', 'secret')
  await put('a.txt', 'open')
  await symlink('/etc', join(folder, 'link'))
  expect(text((await readTextFolder(folder)).bytes)).toBe('open')
})

test('an empty folder is refused with its code', async () => {
  await put('empty.txt', '')
  await expect(readTextFolder(folder)).rejects.toMatchObject({ code: 'EXPERTS_TEXT_EMPTY' })
})

test('a missing folder is refused with its code and names the path', async () => {
  const missing = join(folder, 'nowhere')
  await expect(readTextFolder(missing)).rejects.toMatchObject({ code: 'EXPERTS_TEXT_MISSING', message: expect.stringContaining(missing) })
})
