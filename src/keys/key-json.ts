/**
 * The JSON inside key files, as Bittensor's wallets write and read it (wire.md 4): strings only. What is read in order of
 * preference is phrase, seed, private key; unknown members of any type are passed over.
 */
import { equal, fromHex, toHex, utf8 } from '../protocol/bytes.ts'
import { NodeError } from '../protocol/errors.ts'
import { decodeSs58, encodeSs58 } from '../protocol/ss58.ts'
import { keyFromPhrase, keyFromSecret, keyFromSeed, type Key, type KeyParts } from './key.ts'

const hex = (bytes: Uint8Array): string => `0x${toHex(bytes)}`

const encoded = (members: Record<string, string>): Uint8Array => utf8(JSON.stringify(members))

/** The public part: what lists wallets without opening them. */
export const publicJson = (publicKey: Uint8Array): Uint8Array => encoded(publicMembers(publicKey))

function publicMembers(publicKey: Uint8Array): Record<string, string> {
  return { accountId: hex(publicKey), publicKey: hex(publicKey), ss58Address: encodeSs58(publicKey) }
}

/** The whole key. */
export function secretJson(key: Key): Uint8Array {
  const { accountId = '', publicKey = '', ss58Address = '' } = publicMembers(key.publicKey)
  return encoded({
    accountId,
    publicKey,
    privateKey: hex(key.secret),
    ...(key.phrase !== null && { secretPhrase: key.phrase }),
    ...(key.seed !== null && { secretSeed: hex(key.seed) }),
    ss58Address,
  })
}

/** The key of a file's content. @throws KEYS_FILE_INVALID, KEYS_MISMATCH when its address is another key's */
export async function keyOfJson(content: Uint8Array, parts: KeyParts): Promise<Key> {
  const members = parse(content)
  const key = await secretOf(members, parts)
  const stated = publicKeyOf(members)
  if (stated !== null && !equal(stated, key.publicKey)) throw new NodeError('KEYS_MISMATCH')
  return key
}

/** The public key of a public file. @throws KEYS_FILE_INVALID */
export function publicKeyOfJson(content: Uint8Array): Uint8Array {
  const key = publicKeyOf(parse(content))
  if (key === null) throw invalid('it holds no address')
  return key
}

const invalid = (detail: string): NodeError => new NodeError('KEYS_FILE_INVALID', { detail })

function parse(content: Uint8Array): Map<string, string> {
  let value: unknown
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(content))
  } catch {
    throw invalid('it is no JSON') // without a cause: a parser's message quotes the content
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw invalid('it is no JSON object')
  return new Map(Object.entries(value).filter((member): member is [string, string] => typeof member[1] === 'string'))
}

async function secretOf(members: Map<string, string>, parts: KeyParts): Promise<Key> {
  const phrase = members.get('secretPhrase')
  if (phrase !== undefined) return keyFromPhrase(phrase, parts)
  const seed = members.get('secretSeed')
  if (seed !== undefined) return keyFromSeed(bytesOf('secretSeed', seed, 32), parts)
  const secret = members.get('privateKey')
  if (secret !== undefined) return keyFromSecret(bytesOf('privateKey', secret, 64), parts)
  throw invalid('it holds no secret')
}

function publicKeyOf(members: Map<string, string>): Uint8Array | null {
  const address = members.get('ss58Address')
  if (address !== undefined) return decodeSs58(address)
  const key = members.get('publicKey') ?? members.get('accountId')
  return key === undefined ? null : bytesOf('publicKey', key, 32)
}

function bytesOf(name: string, text: string, length: number): Uint8Array {
  if (!/^(?:0x)?[0-9a-fA-F]+$/u.test(text)) throw invalid(`${name} is no hexadecimal text`)
  const digits = text.replace(/^0x/u, '')
  if (digits.length !== 2 * length) throw invalid(`${name} must be ${length} bytes`)
  return fromHex(digits)
}
