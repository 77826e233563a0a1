/** One key file: its secret part, sealed or plain, and the public part beside it. */
import { NodeError } from '../protocol/errors.ts'
import { exists, readBounded, writeNew } from './durable-file.ts'
import type { Key, KeyParts } from './key.ts'
import { keyOfJson, publicJson, secretJson } from './key-json.ts'
import { formatOf, seal, unseal, type Cost, type Format } from './sealed.ts'

export interface KeyPaths {
  secret: string
  public: string
}

/** Writes both parts; `password` null leaves the secret plain. @throws KEYS_EXISTS when either part is there */
export async function writeKey(paths: KeyPaths, key: Key, password: string | null, cost?: Cost): Promise<void> {
  // Asked before the password is worked on; asked again, in `writeNew`, before the file takes its name.
  for (const path of [paths.secret, paths.public]) {
    if (await exists(path)) throw new NodeError('KEYS_EXISTS', { path })
  }
  const json = secretJson(key)
  try {
    await writeNew(paths.secret, password === null ? json : await seal(json, password, cost))
  } finally {
    json.fill(0)
  }
  await writeNew(paths.public, publicJson(key.publicKey))
}

/**
 * Reads a key, and puts back its public part where a crash left none.
 * @throws KEYS_NOT_FOUND, KEYS_FILE_INVALID, KEYS_PASSWORD_NEEDED, KEYS_PASSWORD_WRONG, KEYS_COST_REFUSED, KEYS_MISMATCH
 */
export async function readKey(paths: KeyPaths, password: string | null, parts: KeyParts): Promise<{ key: Key; format: Format }> {
  const file = await readBounded(paths.secret)
  const format = formatOf(file)
  const json = await plain(file, format, password, paths.secret)
  try {
    const key = await keyOfJson(json, parts)
    await restorePublic(paths.public, key.publicKey)
    return { key, format }
  } catch (error) {
    // What is said about a sealed file's inside says nothing about which file it was.
    if (error instanceof NodeError && error.code === 'KEYS_FILE_INVALID')
      throw new NodeError(error.code, { ...error.data, path: paths.secret })
    throw error
  } finally {
    json.fill(0)
  }
}

/** Bittensor's older wallets have no public part of hotkeys either. A folder that cannot be written keeps no key from being used. */
async function restorePublic(path: string, publicKey: Uint8Array): Promise<void> {
  if (await exists(path)) return
  await writeNew(path, publicJson(publicKey)).catch(() => undefined)
}

async function plain(file: Uint8Array, format: Format, password: string | null, path: string): Promise<Uint8Array> {
  if (format === 'unknown') throw new NodeError('KEYS_FILE_INVALID', { path, detail: 'its format is not one that is read here' })
  if (format === 'plain') return file
  if (password === null) throw new NodeError('KEYS_PASSWORD_NEEDED', { path })
  return unseal(file, password)
}
