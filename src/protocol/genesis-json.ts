/**
 * `genesis.json`: the genesis as JSON. Keys, hashes and roots are 64 hexadecimal digits, 64-bit numbers decimal strings,
 * everything else plain; unknown, missing and repeated names are refused. The hash is over the SSZ value, not this text.
 */
import { parseU64 } from './amounts.ts'
import { fromHex, toHex } from './bytes.ts'
import { NodeError } from './errors.ts'
import { checkGenesis } from './genesis.ts'
import type { Genesis, GenesisEngine, GenesisMarket } from './genesis.ts'
import { GENESIS_ENTRIES_MAX, GENESIS_JSON_BYTES_MAX, MARKETS_MAX } from './ledger-limits.ts'
import { chainKinds, chainParameterSpecs, marketParameterSpecs } from './parameters.ts'
import type { ChainParameters, MarketParameters, ParameterSpec } from './parameters.ts'
import { parseStrictJson } from './strict-json.ts'

const refuse = (detail: string): NodeError => new NodeError('LEDGER_GENESIS', { detail })

function viewOf(value: unknown): unknown {
  if (typeof value === 'bigint') return value.toString()
  if (value instanceof Uint8Array) return toHex(value)
  if (Array.isArray(value)) return value.map(viewOf)
  if (typeof value === 'object' && value !== null)
    return Object.fromEntries(Object.entries(value).map(([name, field]) => [name, viewOf(field)]))
  return value
}

/** The text of `genesis.json`, ending in a newline. @throws NodeError LEDGER_GENESIS */
export function genesisToJson(genesis: Genesis): string {
  checkGenesis(genesis)
  return `${JSON.stringify(viewOf(genesis), null, 2)}\n`
}

/** The members of an object that has exactly these. */
function members(value: unknown, names: readonly string[], where: string): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw refuse(`${where} is no object`)
  const unknown = Object.keys(value).find((name) => !names.includes(name))
  if (unknown !== undefined) throw refuse(`${where} has an unknown name: ${unknown.slice(0, 64)}`)
  const missing = names.find((name) => !Object.hasOwn(value, name))
  if (missing !== undefined) throw refuse(`${where} lacks ${missing}`)
  return value as Record<string, unknown>
}

function entries(value: unknown, limit: number, where: string): unknown[] {
  if (!Array.isArray(value) || value.length > limit) throw refuse(`${where} is no list of at most ${limit}`)
  return value
}

function text(value: unknown, where: string): string {
  if (typeof value !== 'string') throw refuse(`${where} is no text`)
  return value
}

function bytes32(value: unknown, where: string): Uint8Array {
  if (typeof value !== 'string' || !/^[0-9a-f]{64}$/.test(value)) throw refuse(`${where} is not of 64 hexadecimal digits`)
  return fromHex(value)
}

function big(value: unknown, where: string): bigint {
  if (typeof value !== 'string') throw refuse(`${where} is no decimal string`)
  try {
    return parseU64(value)
  } catch {
    throw refuse(`${where} is no unsigned 64-bit integer`)
  }
}

function small(value: unknown, bits: number, where: string): number {
  if (typeof value !== 'number' || !Number.isInteger(value) || value < 0 || value >= 2 ** bits) throw refuse(`${where} is no u${bits}`)
  return value
}

function parameter(spec: ParameterSpec, value: unknown, where: string): number | bigint | boolean | Uint8Array {
  if (spec.type === 'b32') return bytes32(value, where)
  if (spec.type === 'u64') return big(value, where)
  if (spec.type !== 'bool') return small(value, Number(spec.type.slice(1)), where)
  if (typeof value !== 'boolean') throw refuse(`${where} is neither true nor false`)
  return value
}

function parameters(specs: Record<string, ParameterSpec>, value: unknown, where: string): unknown {
  const given = members(value, Object.keys(specs), where)
  return Object.fromEntries(Object.entries(specs).map(([name, spec]) => [name, parameter(spec, given[name], `${where}.${name}`)]))
}

function engine(value: unknown): GenesisEngine {
  const kind = typeof value === 'object' && value !== null && 'kind' in value ? value.kind : undefined
  if (kind === 'orderer') return { kind, key: bytes32(members(value, ['kind', 'key'], 'engine')['key'], 'engine.key') }
  if (kind !== 'cometbft') throw refuse('engine.kind is neither orderer nor cometbft')
  const given = members(value, ['kind', 'validators'], 'engine')
  const validators = entries(given['validators'], 256, 'engine.validators').map((entry, i) => {
    const where = `engine.validators[${i}]`
    const validator = members(entry, ['key', 'power'], where)
    return { key: bytes32(validator['key'], `${where}.key`), power: big(validator['power'], `${where}.power`) }
  })
  return { kind, validators }
}

function market(value: unknown, where: string): GenesisMarket {
  const given = members(value, ['netuid', 'name', 'difficulty', 'burnPrice', 'parameters'], where)
  return {
    netuid: small(given['netuid'], 16, `${where}.netuid`),
    name: text(given['name'], `${where}.name`),
    difficulty: big(given['difficulty'], `${where}.difficulty`),
    burnPrice: big(given['burnPrice'], `${where}.burnPrice`),
    parameters: parameters(marketParameterSpecs, given['parameters'], `${where}.parameters`) as MarketParameters,
  }
}

/** @throws NodeError JSON_INVALID where the text is no strict JSON, LEDGER_GENESIS for what it says */
export function genesisFromJson(json: string): Genesis {
  const value = parseStrictJson(json, { what: 'the genesis', lengthMax: GENESIS_JSON_BYTES_MAX, depthMax: 8 })
  const names = ['chainId', 'kind', 'engine', 'time', 'ledgerVersion', 'parameters', 'markets', 'accounts', 'stakes']
  const given = members(value, names, 'genesis')
  const kind = chainKinds.find((name) => name === given['kind'])
  if (kind === undefined) throw refuse(`kind is none of ${chainKinds.join(', ')}`)
  const genesis: Genesis = {
    chainId: text(given['chainId'], 'chainId'),
    kind,
    engine: engine(given['engine']),
    time: big(given['time'], 'time'),
    ledgerVersion: small(given['ledgerVersion'], 32, 'ledgerVersion'),
    parameters: parameters(chainParameterSpecs, given['parameters'], 'parameters') as ChainParameters,
    markets: entries(given['markets'], MARKETS_MAX, 'markets').map((entry, i) => market(entry, `markets[${i}]`)),
    accounts: entries(given['accounts'], GENESIS_ENTRIES_MAX, 'accounts').map((entry, i) => {
      const account = members(entry, ['coldkey', 'free'], `accounts[${i}]`)
      return { coldkey: bytes32(account['coldkey'], `accounts[${i}].coldkey`), free: big(account['free'], `accounts[${i}].free`) }
    }),
    stakes: entries(given['stakes'], GENESIS_ENTRIES_MAX, 'stakes').map((entry, i) => {
      const where = `stakes[${i}]`
      const stake = members(entry, ['hotkey', 'owner', 'amount'], where)
      return {
        hotkey: bytes32(stake['hotkey'], `${where}.hotkey`),
        owner: bytes32(stake['owner'], `${where}.owner`),
        amount: big(stake['amount'], `${where}.amount`),
      }
    }),
  }
  checkGenesis(genesis)
  return genesis
}
