/**
 * Secrets under a password. Ours is `TMK1`: Argon2id and XChaCha20-Poly1305, the 56 header bytes authenticated. Bittensor's
 * `$NACL` is read: Argon2i under a salt that all wallets share, and XSalsa20-Poly1305 (wire.md 4).
 */
import { randomBytes } from 'node:crypto'
import { xchacha20poly1305 } from '@noble/ciphers/chacha.js'
import { xsalsa20poly1305 } from '@noble/ciphers/salsa.js'
import { hashRaw, type Options } from '@node-rs/argon2'
import { concat, fromHex, u32le, utf8 } from '../protocol/bytes.ts'
import { NodeError } from '../protocol/errors.ts'

/** Cost of Argon2id: memory in KiB, passes, lanes. */
export interface Cost {
  memoryKib: number
  passes: number
  lanes: number
}
/** 256 MiB and three passes: about half a second, once per command. */
export const DEFAULT_COST: Cost = { memoryKib: 262_144, passes: 3, lanes: 1 }

/** What a file may ask of its reader, who would otherwise swap or wait for hours. */
const MEMORY_KIB_MAX = 1_048_576
const PASSES_MAX = 16
const LANES_MAX = 16
const PASSWORD_BYTES_MAX = 1_024

const MAGIC = utf8('TMK1')
const HEADER_BYTES = 56
const NACL = utf8('$NACL')
const NACL_SALT = fromHex('137183dff15a09bc9c90b5518739e9b1')
const NACL_COST: Cost = { memoryKib: 524_288, passes: 8, lanes: 1 }
const TAG_BYTES = 16

// The library's enumerations are `const enum`s, which type stripping cannot read.
const ARGON2I = 1
const ARGON2ID = 2
const VERSION_13 = 1

export type Format = 'plain' | 'tmk1' | 'nacl' | 'unknown'

const startsWith = (bytes: Uint8Array, magic: Uint8Array): boolean => magic.every((byte, i) => bytes[i] === byte)

/** How a key file is written, by its first bytes. */
export function formatOf(file: Uint8Array): Format {
  if (startsWith(file, MAGIC)) return 'tmk1'
  if (startsWith(file, NACL)) return 'nacl'
  return startsWith(file, utf8('{')) ? 'plain' : 'unknown'
}

/** Encrypts under a password with a fresh salt and nonce. @throws KEYS_PASSWORD_INVALID */
export async function seal(secret: Uint8Array, password: string, cost: Cost = DEFAULT_COST): Promise<Uint8Array> {
  return sealWith(secret, password, cost, randomBytes(16), randomBytes(24))
}

/** As `seal`, with salt and nonce given: for vectors alone. */
export async function sealWith(secret: Uint8Array, password: string, cost: Cost, salt: Uint8Array, nonce: Uint8Array): Promise<Uint8Array> {
  const header = concat(MAGIC, u32le(cost.memoryKib), u32le(cost.passes), u32le(cost.lanes), salt, nonce)
  const key = await derive(ARGON2ID, password, cost, salt)
  const sealed = xchacha20poly1305(key, nonce, header).encrypt(secret)
  key.fill(0)
  return concat(header, sealed)
}

/** Decrypts `TMK1` or `$NACL`. @throws KEYS_PASSWORD_WRONG (also for a damaged file), KEYS_COST_REFUSED, KEYS_FILE_INVALID */
export async function unseal(file: Uint8Array, password: string): Promise<Uint8Array> {
  return formatOf(file) === 'nacl' ? unsealNacl(file, password) : unsealOurs(file, password)
}

async function unsealOurs(file: Uint8Array, password: string): Promise<Uint8Array> {
  if (formatOf(file) !== 'tmk1' || file.length < HEADER_BYTES + TAG_BYTES)
    throw new NodeError('KEYS_FILE_INVALID', { detail: 'it is no sealed key' })
  const header = file.subarray(0, HEADER_BYTES)
  const view = new DataView(header.buffer, header.byteOffset, HEADER_BYTES)
  const cost = { memoryKib: view.getUint32(4, true), passes: view.getUint32(8, true), lanes: view.getUint32(12, true) }
  checkCost(cost)
  const key = await derive(ARGON2ID, password, cost, header.subarray(16, 32))
  return opened(() => xchacha20poly1305(key, header.subarray(32), header).decrypt(file.subarray(HEADER_BYTES)), key)
}

async function unsealNacl(file: Uint8Array, password: string): Promise<Uint8Array> {
  const nonceEnd = NACL.length + 24
  if (file.length < nonceEnd + TAG_BYTES) throw new NodeError('KEYS_FILE_INVALID', { detail: 'it is no sealed key' })
  const key = await derive(ARGON2I, password, NACL_COST, NACL_SALT)
  return opened(() => xsalsa20poly1305(key, file.subarray(NACL.length, nonceEnd)).decrypt(file.subarray(nonceEnd)), key)
}

function opened(decrypt: () => Uint8Array, key: Uint8Array): Uint8Array {
  try {
    return decrypt()
  } catch {
    throw new NodeError('KEYS_PASSWORD_WRONG')
  } finally {
    key.fill(0)
  }
}

function checkCost({ memoryKib, passes, lanes }: Cost): void {
  const fits =
    lanes >= 1 && lanes <= LANES_MAX && passes >= 1 && passes <= PASSES_MAX && memoryKib >= 8 * lanes && memoryKib <= MEMORY_KIB_MAX
  if (!fits) throw new NodeError('KEYS_COST_REFUSED')
}

async function derive(algorithm: number, password: string, cost: Cost, salt: Uint8Array): Promise<Uint8Array> {
  const bytes = utf8(password)
  if (bytes.length === 0 || bytes.length > PASSWORD_BYTES_MAX) throw new NodeError('KEYS_PASSWORD_INVALID')
  const options = {
    algorithm,
    version: VERSION_13,
    memoryCost: cost.memoryKib,
    timeCost: cost.passes,
    parallelism: cost.lanes,
    outputLen: 32,
    salt,
  } as unknown as Options
  const key = await hashRaw(bytes, options)
  bytes.fill(0)
  return key
}
