import { mkdir, readdir, readFile, stat, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { createColdkey, importColdkey, openColdkey } from '../../../src/keys/coldkey.ts'
import { createHotkey, importHotkey, openHotkey } from '../../../src/keys/hotkey.ts'
import { loadOrCreateEd25519 } from '../../../src/keys/node-key.ts'
import { signerFromUri } from '../../../src/keys/signer.ts'
import { listWallets } from '../../../src/keys/wallets.ts'
import { toHex, utf8 } from '../../../src/protocol/bytes.ts'
import { encodeSs58 } from '../../../src/protocol/ss58.ts'
import { codeOf } from '../../support/hostile.ts'
import { keyParts, LOW_COST, temporaryFolder } from '../../support/key-parts.ts'

const PHRASE = 'stool feel open east woman high can denial forget screen trust salt'
const ADDRESS = '5F7cAYCZEBz21YEjzSZPGyP7W2fva7qUXDexxXsVezSHyktz'
const SEED = '0x023d5fbd7981676587a9f7232aeae1087ac7c265f9658fb643b6f5e61961dfbf'
const sealed = { password: 'testing', cost: LOW_COST }
const plain = { password: null, allowUnencrypted: true }
const message = utf8('message')

const modeOf = async (path: string): Promise<string> => ((await stat(path)).mode & 0o777).toString(8)
const jsonOf = async (path: string): Promise<Record<string, unknown>> => JSON.parse(await readFile(path, 'utf8')) as Record<string, unknown>

/** Lets every mode through, so that only what the code asks for counts. */
function openUmask(): void {
  const before = process.umask(0)
  onTestFinished(() => void process.umask(before))
}

describe('coldkeys', () => {
  test('a created coldkey opens with its password and signs for its address', async () => {
    const root = await temporaryFolder()
    const { mnemonic, address } = await createColdkey(root, 'alice', { ...sealed, words: 24 }, keyParts)
    expect(mnemonic.split(' ')).toHaveLength(24)
    const signer = await openColdkey(root, 'alice', sealed, keyParts)
    expect([signer.scheme, encodeSs58(signer.publicKey)]).toEqual(['sr25519', address])
    expect(keyParts.signature.verify('sr25519', signer.publicKey, message, await signer.sign(message))).toBe(true)
    expect(await codeOf(() => openColdkey(root, 'alice', { password: 'wrong' }, keyParts))).toBe('KEYS_PASSWORD_WRONG')
    expect(await codeOf(() => openColdkey(root, 'alice', { password: null }, keyParts))).toBe('KEYS_PASSWORD_NEEDED')
  })

  test('the file is TMK1 and shows nothing of the phrase; the public file shows the address', async () => {
    const root = await temporaryFolder()
    await importColdkey(root, 'w', PHRASE, sealed, keyParts)
    const file = await readFile(join(root, 'w', 'coldkey'))
    expect(file.subarray(0, 4).toString()).toBe('TMK1')
    expect(file.includes('stool')).toBe(false)
    expect((await jsonOf(join(root, 'w', 'coldkeypub.txt')))['ss58Address']).toBe(ADDRESS)
  })

  test('a plain coldkey is neither written nor opened unless it is allowed', async () => {
    const root = await temporaryFolder()
    expect(await codeOf(() => createColdkey(root, 'w', { password: null }, keyParts))).toBe('KEYS_UNENCRYPTED')
    expect(await readdir(root)).toEqual([])
    await createColdkey(root, 'w', plain, keyParts)
    expect(await codeOf(() => openColdkey(root, 'w', { password: null }, keyParts))).toBe('KEYS_UNENCRYPTED')
    expect(await codeOf(() => openColdkey(root, 'w', { password: 'testing' }, keyParts))).toBe('KEYS_UNENCRYPTED')
    expect((await openColdkey(root, 'w', plain, keyParts)).publicKey).toHaveLength(32)
  })

  test('an existing coldkey, or a public file of one kept elsewhere, is never overwritten', async () => {
    const root = await temporaryFolder()
    const { address } = await createColdkey(root, 'w', plain, keyParts)
    expect(await codeOf(() => createColdkey(root, 'w', plain, keyParts))).toBe('KEYS_EXISTS')
    expect(encodeSs58((await openColdkey(root, 'w', plain, keyParts)).publicKey)).toBe(address)
    await mkdir(join(root, 'watched'))
    await writeFile(join(root, 'watched', 'coldkeypub.txt'), JSON.stringify({ ss58Address: ADDRESS }))
    expect(await codeOf(() => createColdkey(root, 'watched', plain, keyParts))).toBe('KEYS_EXISTS')
  })

  test('a closed signer signs no more', async () => {
    const root = await temporaryFolder()
    await createColdkey(root, 'w', plain, keyParts)
    const signer = await openColdkey(root, 'w', plain, keyParts)
    signer.close()
    expect(await codeOf(() => signer.sign(message))).toBe('KEYS_CLOSED')
  })
})

describe('files', () => {
  test('only the owner may read them, whatever the umask, and nothing temporary stays', async () => {
    openUmask()
    const root = join(await temporaryFolder(), 'data', 'wallets')
    await createColdkey(root, 'w', sealed, keyParts)
    await createHotkey(root, 'w', 'h', keyParts)
    const inside = (await readdir(root, { recursive: true })).sort()
    expect(inside).toEqual(['w', 'w/coldkey', 'w/coldkeypub.txt', 'w/hotkeys', 'w/hotkeys/h', 'w/hotkeys/hpub.txt'])
    for (const path of inside)
      expect([path, await modeOf(join(root, path))]).toEqual([path, /coldkey|\/h/.test(path) && path !== 'w/hotkeys' ? '600' : '700'])
    expect(await modeOf(root)).toBe('700')
  })

  test('a hotkey is plain JSON of strings, with the members that other wallets read', async () => {
    const root = await temporaryFolder()
    await importHotkey(root, 'w', 'h', PHRASE, keyParts)
    const key = '0x86eb46a3f42935d901acc3b8910ca301d969b76cfc2a80f0eac733a8eda7ed24'
    expect(await jsonOf(join(root, 'w', 'hotkeys', 'h'))).toEqual({
      accountId: key,
      publicKey: key,
      privateKey:
        '0x2b400f61c21cbaad4d5cb2dcbb4ef4fcdc238b98d04d48c6d2a451ebfd306c0eed845edcc69b0a19a6905afed0dd84c16ebd0f458928f2e91a6b67b95fc0b42f',
      secretPhrase: PHRASE,
      secretSeed: SEED,
      ss58Address: ADDRESS,
    })
    expect(await jsonOf(join(root, 'w', 'hotkeys', 'hpub.txt'))).toEqual({ accountId: key, publicKey: key, ss58Address: ADDRESS })
  })

  const open = async (members: object): Promise<string> => {
    const root = await temporaryFolder()
    await mkdir(join(root, 'w', 'hotkeys'), { recursive: true })
    await writeFile(join(root, 'w', 'hotkeys', 'h'), JSON.stringify(members))
    return encodeSs58((await openHotkey(root, 'w', 'h', keyParts)).publicKey)
  }
  const privateKey =
    '0x2b400f61c21cbaad4d5cb2dcbb4ef4fcdc238b98d04d48c6d2a451ebfd306c0eed845edcc69b0a19a6905afed0dd84c16ebd0f458928f2e91a6b67b95fc0b42f'
  test.each([
    ['a phrase before a seed of another key', { secretPhrase: PHRASE, secretSeed: `0x${'11'.repeat(32)}` }],
    ['a seed before a private key of another', { secretSeed: SEED, privateKey: '0x00' }],
    ['a seed without 0x', { secretSeed: SEED.slice(2) }],
    ['a private key alone', { privateKey }],
    ['members of any type that it does not know, and nulls', { secretSeed: SEED, cryptoType: 1, secretPhrase: null, extra: { a: [] } }],
  ])('reads %s', async (_, members) => {
    expect(await open(members)).toBe(ADDRESS)
  })

  test.each([
    [
      'another address than its secret’s',
      { secretSeed: SEED, ss58Address: '5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY' },
      'KEYS_MISMATCH',
    ],
    ['another public key than its secret’s', { secretSeed: SEED, publicKey: `0x${'11'.repeat(32)}` }, 'KEYS_MISMATCH'],
    ['no secret', { ss58Address: ADDRESS }, 'KEYS_FILE_INVALID'],
    ['a seed of 31 bytes', { secretSeed: SEED.slice(0, -2) }, 'KEYS_FILE_INVALID'],
    ['a scalar that is not reduced', { privateKey: `0x${'ff'.repeat(64)}` }, 'SIGNATURE_SECRET_INVALID'],
    ['a phrase of wrong words', { secretPhrase: 'one two three' }, 'KEYS_PHRASE_INVALID'],
    ['a list', [], 'KEYS_FILE_INVALID'],
    ['70,000 bytes', { secretSeed: SEED, filler: 'x'.repeat(70_000) }, 'KEYS_FILE_INVALID'],
  ])('refuses a file with %s', async (_, members, code) => {
    expect(await codeOf(() => open(members))).toBe(code)
  })

  test('what cannot be parsed is not quoted', async () => {
    const root = await temporaryFolder()
    await mkdir(join(root, 'w', 'hotkeys'), { recursive: true })
    await writeFile(join(root, 'w', 'hotkeys', 'h'), '{"secretPhrase":"stool feel"')
    const error = (await openHotkey(root, 'w', 'h', keyParts).catch((reason: unknown) => reason)) as Error
    expect(error).toMatchObject({ code: 'KEYS_FILE_INVALID' })
    expect(`${error.message}${String(error.cause)}`).not.toContain('stool')
  })

  test('a folder, a missing file and an unknown format are told apart', async () => {
    const root = await temporaryFolder()
    await mkdir(join(root, 'w', 'hotkeys', 'folder'), { recursive: true })
    await writeFile(join(root, 'w', 'hotkeys', 'vault'), '$ANSIBLE_VAULT;1.1;AES256\n')
    expect(await codeOf(() => openHotkey(root, 'w', 'folder', keyParts))).toBe('KEYS_FILE_INVALID')
    expect(await codeOf(() => openHotkey(root, 'w', 'none', keyParts))).toBe('KEYS_NOT_FOUND')
    expect(await codeOf(() => openHotkey(root, 'w', 'vault', keyParts))).toBe('KEYS_FILE_INVALID')
  })

  test.each(['', '.', '..', '../x', 'a/b', 'a\\b', 'a\0b', '.hidden', 'hpub.txt', 'x'.repeat(65), 'ä'])(
    'refuses the name %j',
    async (name) => {
      const root = await temporaryFolder()
      expect(await codeOf(() => createHotkey(root, 'w', name, keyParts))).toBe('KEYS_NAME_INVALID')
      expect(await codeOf(() => createColdkey(root, name, plain, keyParts))).toBe('KEYS_NAME_INVALID')
      expect(await readdir(root)).toEqual([])
    },
  )
})

describe('hotkeys', () => {
  test('on request they are sealed', async () => {
    const root = await temporaryFolder()
    const { address } = await createHotkey(root, 'w', 'h', keyParts, { ...sealed, words: 15 })
    expect(await codeOf(() => openHotkey(root, 'w', 'h', keyParts))).toBe('KEYS_PASSWORD_NEEDED')
    expect(encodeSs58((await openHotkey(root, 'w', 'h', keyParts, sealed)).publicKey)).toBe(address)
  })

  test('one derived by a URI keeps no phrase, and opens again', async () => {
    const root = await temporaryFolder()
    for (const [name, uri] of [
      ['hard', '//Alice'],
      ['soft', '//Alice/soft'],
    ] as const) {
      const { address } = await importHotkey(root, 'w', name, uri, keyParts)
      expect(await jsonOf(join(root, 'w', 'hotkeys', name))).not.toHaveProperty('secretPhrase')
      expect(encodeSs58((await openHotkey(root, 'w', name, keyParts)).publicKey)).toBe(address)
      expect(encodeSs58((await signerFromUri(uri, keyParts)).publicKey)).toBe(address)
    }
  })
})

describe('the list', () => {
  test('names wallets with a public coldkey, and hotkeys without their public files', async () => {
    const root = await temporaryFolder()
    const cold = await createColdkey(root, 'b', plain, keyParts)
    const hot = [await createHotkey(root, 'b', 'h2', keyParts), await createHotkey(root, 'b', 'h1', keyParts)]
    await createHotkey(root, 'no-coldkey', 'h', keyParts)
    await createColdkey(root, 'a', plain, keyParts)
    await writeFile(join(root, 'b', 'hotkeys', 'old'), '{}') // older wallets wrote no public part
    await mkdir(join(root, 'damaged'))
    await writeFile(join(root, 'damaged', 'coldkeypub.txt'), '{"ss58Address":')
    await symlink(join(root, 'nowhere'), join(root, 'dangling'))
    const listed = await listWallets(root)
    expect(listed.map(({ name }) => name)).toEqual(['a', 'b'])
    expect(listed[1]).toEqual({
      name: 'b',
      address: cold.address,
      hotkeys: [
        { name: 'h1', address: hot[1]?.address },
        { name: 'h2', address: hot[0]?.address },
        { name: 'old', address: null },
      ],
    })
  })

  test('of a root that is not there is empty', async () => {
    expect(await listWallets(join(await temporaryFolder(), 'none'))).toEqual([])
  })
})

describe('keys of the node', () => {
  test('are made once, for the owner alone, and stay the same', async () => {
    openUmask()
    const path = join(await temporaryFolder(), 'orderer.key')
    const first = await loadOrCreateEd25519(path, keyParts)
    const again = await loadOrCreateEd25519(path, keyParts)
    expect(await modeOf(path)).toBe('600')
    expect(toHex(again.seed)).toBe(toHex(first.seed))
    expect(first.signer.scheme).toBe('ed25519')
    expect(keyParts.signature.verify('ed25519', first.signer.publicKey, message, await again.signer.sign(message))).toBe(true)
  })

  test('a damaged file is refused, not replaced', async () => {
    const path = join(await temporaryFolder(), 'peer.key')
    await writeFile(path, 'abc')
    expect(await codeOf(() => loadOrCreateEd25519(path, keyParts))).toBe('KEYS_FILE_INVALID')
    expect(await readFile(path, 'utf8')).toBe('abc')
  })
})
