/**
 * Key URIs, `phrase//hard/soft///password` (wire.md 4). An empty phrase is the development phrase, so `//Alice` is Alice.
 * A phrase may also be a mini-secret of 0x and 64 hex digits.
 */
import { blake2b } from '@noble/hashes/blake2.js'
import { concat, fromHex, u64le, U64_MAX, utf8 } from '../protocol/bytes.ts'
import { NodeError } from '../protocol/errors.ts'
import { keyFromSecret, keyFromSeed, wipeKey, type Key, type KeyParts } from './key.ts'
import { DEV_PHRASE, miniSecretOf } from './phrase.ts'

const URI_CHARACTERS_MAX = 4_096
const JUNCTIONS_MAX = 64
const shape = /^(?<base>[^/]*)(?<path>(?:\/\/?[^/]+)*)(?:\/\/\/(?<password>.*))?$/su
const mini = /^0x[0-9a-f]{64}$/iu

interface Junction {
  kind: 'hard' | 'soft'
  chainCode: Uint8Array
}

/** The sr25519 key of a URI. @throws KEYS_URI_INVALID, KEYS_PHRASE_INVALID */
export async function keyFromUri(uri: string, parts: KeyParts): Promise<Key> {
  const { base, password, junctions } = parse(uri)
  const seed = mini.test(base) ? fromHex(base.toLowerCase()) : await miniSecretOf(base === '' ? DEV_PHRASE : base, password)
  return junctions.reduce((key, junction) => childOf(key, junction, parts), keyFromSeed(seed, parts))
}

function childOf(parent: Key, { kind, chainCode }: Junction, parts: KeyParts): Key {
  const child = parts.signature.derive(kind, parent.secret, chainCode)
  const key = kind === 'hard' ? keyFromSeed(child, parts) : keyFromSecret(child, parts)
  child.fill(0)
  wipeKey(parent)
  return key
}

function parse(uri: string): { base: string; password: string; junctions: Junction[] } {
  const groups = uri.length > URI_CHARACTERS_MAX ? undefined : shape.exec(uri)?.groups
  if (groups === undefined) throw new NodeError('KEYS_URI_INVALID')
  const { base = '', path = '', password = '' } = groups
  const junctions = [...path.matchAll(/(\/\/?)([^/]+)/gu)].map(([, slashes, name = '']): Junction => {
    return { kind: slashes === '//' ? 'hard' : 'soft', chainCode: chainCodeOf(name) }
  })
  if (junctions.length > JUNCTIONS_MAX) throw new NodeError('KEYS_URI_INVALID')
  return { base, password, junctions }
}

/** A number as u64 little-endian, any other text as a SCALE string, zero-padded to 32 bytes or hashed to them. */
export function chainCodeOf(name: string): Uint8Array {
  const encoded =
    /^\+?\d+$/u.test(name) && BigInt(name.replace('+', '')) <= U64_MAX ? u64le(BigInt(name.replace('+', ''))) : scaleText(name)
  return encoded.length > 32 ? blake2b(encoded, { dkLen: 32 }) : concat(encoded, new Uint8Array(32 - encoded.length))
}

/** A SCALE string of at most 16,383 bytes: its length in compact form, then its bytes. */
function scaleText(text: string): Uint8Array {
  const bytes = utf8(text)
  const { length } = bytes
  if (length > 0x3fff) throw new NodeError('KEYS_URI_INVALID')
  return concat(length < 64 ? Uint8Array.of(length << 2) : Uint8Array.of(((length << 2) | 1) & 0xff, length >> 6), bytes)
}
