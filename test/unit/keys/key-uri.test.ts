import { expect, test } from 'vitest'
import { keyFromPhrase } from '../../../src/keys/key.ts'
import { chainCodeOf, keyFromUri } from '../../../src/keys/key-uri.ts'
import { createPhrase, DEV_PHRASE, miniSecretOf, normalPhrase } from '../../../src/keys/phrase.ts'
import { toHex } from '../../../src/protocol/bytes.ts'
import { encodeSs58 } from '../../../src/protocol/ss58.ts'
import { codeOf } from '../../support/hostile.ts'
import { keyParts } from '../../support/key-parts.ts'

const PHRASE = 'stool feel open east woman high can denial forget screen trust salt'
const SEED = '023d5fbd7981676587a9f7232aeae1087ac7c265f9658fb643b6f5e61961dfbf'
const addressOf = async (uri: string): Promise<string> => encodeSs58((await keyFromUri(uri, keyParts)).publicKey)

test('a phrase gives the published seed, key, secret and address', async () => {
  const key = await keyFromPhrase(PHRASE, keyParts)
  expect(toHex(key.seed ?? new Uint8Array(0))).toBe(SEED)
  expect(toHex(key.publicKey)).toBe('86eb46a3f42935d901acc3b8910ca301d969b76cfc2a80f0eac733a8eda7ed24')
  expect(encodeSs58(key.publicKey)).toBe('5F7cAYCZEBz21YEjzSZPGyP7W2fva7qUXDexxXsVezSHyktz')
  expect(toHex(key.secret)).toBe(
    '2b400f61c21cbaad4d5cb2dcbb4ef4fcdc238b98d04d48c6d2a451ebfd306c0eed845edcc69b0a19a6905afed0dd84c16ebd0f458928f2e91a6b67b95fc0b42f',
  )
})

test('the development phrase gives its published seed', async () => {
  expect(toHex(await miniSecretOf(DEV_PHRASE))).toBe('fac7959dbfe72f052e5a0c3c8d6530f202b02fd8f9f5ca3580ec8deb7797479e')
})

test.each([
  ['//Alice', '5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY'],
  ['//Bob', '5FHneW46xGXgs5mUiveU4sbTyGBzmstUspZC92UhjJM694ty'],
  ['//Alice/soft//1', '5EPZFeGmWcka2JNPXB4R47wxJPek1XjMs3WJTh5gA11f4FBq'],
  ['//0', '5D34dL5prEUaGNQtPPZ3yN5Y6BnkfXunKXXz6fo7ZJbLwRRH'],
  ['//a very long junction that is more than thirty two bytes', '5C4yJ5fq6fCyzM5SrUEGZneK2CtBQg5fFeDAVfeQ6RhA8DDj'],
  [`${DEV_PHRASE}//Alice///pw`, '5CVNhgaHCEe41RKB2QgscUnzJmfZScb6EgYdXrJshoCY8CjY'],
  [PHRASE, '5F7cAYCZEBz21YEjzSZPGyP7W2fva7qUXDexxXsVezSHyktz'],
  [`0x${SEED}`, '5F7cAYCZEBz21YEjzSZPGyP7W2fva7qUXDexxXsVezSHyktz'],
  [`0x${SEED.toUpperCase()}`, '5F7cAYCZEBz21YEjzSZPGyP7W2fva7qUXDexxXsVezSHyktz'],
])('%s is %s', async (uri, address) => {
  expect(await addressOf(uri)).toBe(address)
})

test('an empty password is none', async () => {
  expect(await addressOf('///')).toBe(encodeSs58((await keyFromPhrase(DEV_PHRASE, keyParts)).publicKey))
})

test('a junction is a number up to 2^64-1, and a text beyond', () => {
  expect(toHex(chainCodeOf('18446744073709551615')).slice(0, 18)).toBe('ffffffffffffffff00')
  expect(toHex(chainCodeOf('18446744073709551616')).slice(0, 4)).toBe('5031')
})

test('a junction of 64 bytes or more has a length of two bytes before it is hashed', () => {
  expect(chainCodeOf('a'.repeat(63))).toHaveLength(32)
  expect(new Set([63, 64, 65].map((length) => toHex(chainCodeOf('a'.repeat(length))))).size).toBe(3)
})

test.each(['//', '//Alice//', 'a//b/', `//${'x'.repeat(5_000)}`, '//a'.repeat(65)])('refuses the URI %j', async (uri) => {
  expect(await codeOf(() => keyFromUri(uri, keyParts))).toMatch(/^KEYS_(URI|PHRASE)_INVALID$/)
})

test('phrases are read in any case and spacing, and written in one', async () => {
  expect(normalPhrase(`  ${PHRASE.toUpperCase().replaceAll(' ', '\n  ')} `)).toBe(PHRASE)
})

test('a wrong phrase is refused without naming its words', async () => {
  for (const wrong of [PHRASE.replace('salt', 'stool'), PHRASE.replace('stool', 'stoool'), 'stool', '', 'a '.repeat(100_000)]) {
    const error = await miniSecretOf(wrong).then(
      () => null,
      (reason: unknown) => reason as Error,
    )
    expect(error).toMatchObject({ code: 'KEYS_PHRASE_INVALID' })
    expect(`${error?.message} ${String(error?.cause)}`).not.toMatch(/stoo/)
  }
})

test('fresh phrases have the words asked for and differ', async () => {
  for (const words of [12, 15, 18, 21, 24] as const) expect(createPhrase(words).split(' ')).toHaveLength(words)
  expect(createPhrase()).not.toBe(createPhrase())
  expect(await codeOf(() => createPhrase(13 as never))).toBe('KEYS_PHRASE_INVALID')
})
