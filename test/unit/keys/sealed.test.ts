import { describe, expect, test } from 'vitest'
import { DEFAULT_COST, formatOf, seal, sealWith, unseal } from '../../../src/keys/sealed.ts'
import { concat, fromHex, toHex, utf8 } from '../../../src/protocol/bytes.ts'
import { codeOf } from '../../support/hostile.ts'
import { LOW_COST } from '../../support/key-parts.ts'

const content = utf8('{"ss58Address":"5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY"}')
const counting = (length: number): Uint8Array => Uint8Array.from({ length }, (_, i) => i)

describe('TMK1', () => {
  test('reproduces the published vector at the default cost, and opens it', async () => {
    expect(DEFAULT_COST).toEqual({ memoryKib: 262_144, passes: 3, lanes: 1 })
    const sealed = await sealWith(content, 'testing', DEFAULT_COST, counting(16), counting(24))
    expect(toHex(sealed.subarray(0, 56))).toBe(`544d4b31000004000300000001000000${toHex(counting(16))}${toHex(counting(24))}`)
    expect(toHex(sealed.subarray(56))).toBe(
      '9bf5dbfa32b80af8c561783e9daba832fe940ce9d713b310cb1592d42c0817b342aba4694f284c7efa8580beaac5340ae5fbacced5eb0ad11c84903a9857e54e0c5d8118ddd20b6a616485b983dfc7c54125',
    )
    expect(await unseal(sealed, 'testing')).toEqual(content)
  })

  test('the same password twice gives different bytes', async () => {
    const twice = [await seal(content, 'testing', LOW_COST), await seal(content, 'testing', LOW_COST)]
    expect(toHex(twice[0]!.subarray(16, 56))).not.toBe(toHex(twice[1]!.subarray(16, 56)))
    expect(toHex(twice[0]!.subarray(56))).not.toBe(toHex(twice[1]!.subarray(56)))
  })

  test('any changed byte, header included, opens nothing', async () => {
    const sealed = await seal(content, 'testing', LOW_COST)
    for (let index = 0; index < sealed.length; index++) {
      const changed = sealed.slice()
      changed[index]! ^= 0x80
      expect(await codeOf(() => unseal(changed, 'testing')), `byte ${index}`).toMatch(/^KEYS_(PASSWORD_WRONG|COST_REFUSED|FILE_INVALID)$/)
    }
    expect(await codeOf(() => unseal(sealed.subarray(0, -1), 'testing'))).toBe('KEYS_PASSWORD_WRONG')
    expect(await codeOf(() => unseal(sealed.subarray(0, 60), 'testing'))).toBe('KEYS_FILE_INVALID')
  })

  test('another password opens nothing', async () => {
    expect(await codeOf(async () => unseal(await seal(content, 'testing', LOW_COST), 'Testing'))).toBe('KEYS_PASSWORD_WRONG')
  })

  test.each([
    ['more than 1 GiB', 1_048_577, 1, 1],
    ['more than 16 passes', 64, 17, 1],
    ['more than 16 lanes', 1_024, 1, 17],
    ['no pass', 64, 0, 1],
    ['no lane', 64, 1, 0],
    ['less memory than its lanes need', 15, 1, 2],
    ['everything', 2 ** 32 - 1, 2 ** 32 - 1, 2 ** 32 - 1],
  ])('refuses a file that asks for %s', async (_, memoryKib, passes, lanes) => {
    const sealed = await seal(content, 'testing', LOW_COST)
    new Uint32Array(sealed.buffer, sealed.byteOffset + 4, 3).set([memoryKib, passes, lanes])
    expect(await codeOf(() => unseal(sealed, 'testing'))).toBe('KEYS_COST_REFUSED')
  })

  test('refuses an empty password and one longer than 1,024 bytes', async () => {
    for (const password of ['', 'é'.repeat(513)])
      expect(await codeOf(() => seal(content, password, LOW_COST))).toBe('KEYS_PASSWORD_INVALID')
  })
})

describe('$NACL', () => {
  const body = fromHex(
    'c2aa4f3620153b53beb9d2bb8ee72c8b1fecc48d0eca315d11d8fe05503b311ac190b1f348530b53007772d52ecd6d4e6523629944efa361e01af9fff7df0522173da352c9472abf750d2b5dccb62977637e',
  )
  const file = concat(utf8('$NACL'), counting(24), body)

  test('opens the published vector, and nothing with a changed byte', async () => {
    expect(formatOf(file)).toBe('nacl')
    expect(await unseal(file, 'testing')).toEqual(content)
    const changed = file.slice()
    changed[changed.length - 1]! ^= 1
    expect(await codeOf(() => unseal(changed, 'testing'))).toBe('KEYS_PASSWORD_WRONG')
  })
})

test('files are told apart by their first bytes', () => {
  expect([utf8('{}'), utf8('TMK1'), utf8('$NACL'), utf8('$ANSIBLE_VAULT'), utf8('gAAAAA'), new Uint8Array(0)].map(formatOf)).toEqual([
    'plain',
    'tmk1',
    'nacl',
    'unknown',
    'unknown',
    'unknown',
  ])
})
