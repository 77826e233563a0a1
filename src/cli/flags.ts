/** Options that many commands share, and reading of input files. */
import { readFileSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'
import { InvalidArgumentError, Option } from 'commander'
import { fileError } from '../protocol/file-error.ts'
import { remote, type Remote } from '../node/remote.ts'

/** Input files of commands are small tables; a larger one is a mistake. */
const FILE_BYTES_MAX = 512 * 2 ** 20

export const DATA_DEFAULT = '.taumesh'
export const dataOption = (): Option => new Option('--data <folder>', 'data folder').default(DATA_DEFAULT)
export const jsonOption = (): Option => new Option('--json', 'print JSON')
export const nodeOption = (): Option => new Option('--node <url>', 'URL of a running node (default: the one of the data folder)')
export const netuidOption = (): Option => new Option('--netuid <n>', 'market').argParser(integer(0, 65_535)).default(1)

export interface NodeCommandOptions {
  data: string
  json?: boolean
  node?: string
}
export const connect = (options: NodeCommandOptions): Remote => remote({ url: options.node, dataFolder: options.data })

/** A parser for whole numbers in [least, most], for commander. */
export const integer =
  (least: number, most: number) =>
  (text: string): number => {
    const value = Number(text)
    if (!/^\d{1,15}$/.test(text) || value < least || value > most)
      throw new InvalidArgumentError(`'${text.slice(0, 30)}' is not a whole number from ${least} to ${most}.`)
    return value
  }

/** A parser for u64 numbers, for commander. */
export function u64(text: string): bigint {
  if (!/^\d{1,20}$/.test(text) || BigInt(text) >= 2n ** 64n)
    throw new InvalidArgumentError(`'${text.slice(0, 30)}' is not a whole number below 2^64.`)
  return BigInt(text)
}

/** A parser for 32 bytes of hex with or without 0x, for commander. */
export function bytes32(text: string): Uint8Array {
  if (!/^(0x)?[0-9a-fA-F]{64}$/.test(text)) throw new InvalidArgumentError(`'${text.slice(0, 30)}' is not 32 bytes of hex.`)
  return Uint8Array.from(Buffer.from(text.replace(/^0x/, ''), 'hex'))
}

/** A JSON file, plain or gzip. @throws NodeError CLI_FILE */
export function readJsonFile(path: string): unknown {
  try {
    const raw = readFileSync(path)
    const bytes = raw[0] === 0x1f && raw[1] === 0x8b ? gunzipSync(raw, { maxOutputLength: FILE_BYTES_MAX }) : raw
    return JSON.parse(bytes.toString('utf8')) as unknown
  } catch (error) {
    throw fileError(path, error)
  }
}
