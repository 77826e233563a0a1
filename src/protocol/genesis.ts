/**
 * The genesis of a ledger (ledger.md, Genesis and parameters): an SSZ value whose hash names the network and is the only
 * root of trust of a node that joins. `genesis.json` is its view (genesis-json.ts).
 */
import { ByteListType, ContainerType, ListCompositeType } from '@chainsafe/ssz'
import type { ValueOf } from '@chainsafe/ssz'
import { ISSUANCE_MAX_RAO } from './amounts.ts'
import { toHex } from './bytes.ts'
import { asciiOf, B32, bytesOfAscii, decodeCanonical, encodeCanonical, u16, u32, u64, u8 } from './canonical.ts'
import { NodeError } from './errors.ts'
import { sha256 } from './hash.ts'
import { GENESIS_ENTRIES_MAX, MARKETS_MAX } from './ledger-limits.ts'
import {
  chainKinds,
  chainParametersType,
  checkChainParameters,
  checkMarketParameters,
  defaultChainParameters,
  defaultMarketParameters,
  marketParametersType,
} from './parameters.ts'
import type { ChainKind, ChainParameters, MarketParameters } from './parameters.ts'

/** The version of the ledger's rules that this program implements. */
export const LEDGER_VERSION = 1
const ENCODED_BYTES_MAX = 16 * 1024 * 1024
const ENGINE_VALIDATORS_MAX = 256

const engineType = new ContainerType({
  kind: u8,
  key: B32,
  validators: new ListCompositeType(new ContainerType({ key: B32, power: u64 }), ENGINE_VALIDATORS_MAX),
})
const marketType = new ContainerType({
  netuid: u16,
  name: new ByteListType(32),
  difficulty: u64,
  burnPrice: u64,
  parameters: marketParametersType,
})
const genesisType = new ContainerType({
  chainId: new ByteListType(32),
  kind: u8,
  engine: engineType,
  time: u64,
  ledgerVersion: u32,
  parameters: chainParametersType,
  markets: new ListCompositeType(marketType, MARKETS_MAX),
  accounts: new ListCompositeType(new ContainerType({ coldkey: B32, free: u64 }), GENESIS_ENTRIES_MAX),
  stakes: new ListCompositeType(new ContainerType({ hotkey: B32, owner: B32, amount: u64 }), GENESIS_ENTRIES_MAX),
})

/** Who orders blocks at first: one ed25519 key, or CometBFT validators with theirs. */
export type GenesisEngine = { kind: 'orderer'; key: Uint8Array } | { kind: 'cometbft'; validators: { key: Uint8Array; power: bigint }[] }
export interface GenesisMarket {
  netuid: number
  name: string
  /** What difficulty and burn price start at; afterwards they adjust themselves. */
  difficulty: bigint
  burnPrice: bigint
  parameters: MarketParameters
}
export interface Genesis {
  chainId: string
  kind: ChainKind
  engine: GenesisEngine
  /** Unix ms; every block's time is later. */
  time: bigint
  ledgerVersion: number
  parameters: ChainParameters
  /** By increasing netuid. */
  markets: GenesisMarket[]
  accounts: { coldkey: Uint8Array; free: bigint }[]
  /** One entry a hotkey; `owner` is its coldkey. */
  stakes: { hotkey: Uint8Array; owner: Uint8Array; amount: bigint }[]
}

const engineKinds: readonly GenesisEngine['kind'][] = ['orderer', 'cometbft']
const ZERO = new Uint8Array(32)
const isZero = (bytes: Uint8Array): boolean => bytes.every((byte) => byte === 0)

function toSsz(genesis: Genesis): ValueOf<typeof genesisType> {
  const { engine } = genesis
  return {
    ...genesis,
    chainId: bytesOfAscii(genesis.chainId, 'genesis', 'chainId'),
    kind: chainKinds.indexOf(genesis.kind),
    engine:
      engine.kind === 'orderer' ? { kind: 0, key: engine.key, validators: [] } : { kind: 1, key: ZERO, validators: engine.validators },
    markets: genesis.markets.map((market) => ({ ...market, name: bytesOfAscii(market.name, 'genesis', 'name') })),
  }
}

function engineOf({ kind, key, validators }: ValueOf<typeof engineType>): GenesisEngine {
  const name = engineKinds[kind]
  if (name === 'orderer' && validators.length === 0) return { kind: name, key }
  if (name === 'cometbft' && isZero(key)) return { kind: name, validators }
  throw new NodeError('LEDGER_GENESIS', { detail: 'its engine is neither an orderer nor a set of validators' })
}

/** Canonical SSZ of a genesis that holds. @throws NodeError LEDGER_MALFORMED, LEDGER_GENESIS */
export function encodeGenesis(genesis: Genesis): Uint8Array {
  checkGenesis(genesis)
  return encodeCanonical(genesisType, toSsz(genesis), 'genesis')
}

/** @throws NodeError LEDGER_MALFORMED, LEDGER_GENESIS */
export function decodeGenesis(bytes: Uint8Array): Genesis {
  const value = decodeCanonical(genesisType, bytes, 'genesis', ENCODED_BYTES_MAX)
  const kind = chainKinds[value.kind]
  if (kind === undefined) throw new NodeError('LEDGER_GENESIS', { detail: 'its kind is unknown' })
  const genesis: Genesis = {
    ...value,
    chainId: asciiOf(value.chainId, 'genesis', 'chainId'),
    kind,
    engine: engineOf(value.engine),
    markets: value.markets.map((market) => Object.assign(market, { name: asciiOf(market.name, 'genesis', 'name') })),
  }
  checkGenesis(genesis)
  return genesis
}

/** H(SSZ(genesis)), 32 bytes: names the network and stands for the hash of block 0. */
export const genesisHash = (genesis: Genesis): Uint8Array => sha256(encodeGenesis(genesis))

/** All tokens at height 0: free balances and stakes. */
export const genesisIssuance = (genesis: Genesis): bigint =>
  genesis.accounts.reduce((sum, { free }) => sum + free, 0n) + genesis.stakes.reduce((sum, { amount }) => sum + amount, 0n)

/** The three markets of a new network, before keys, accounts and stakes are filled in; `engine.key` must be replaced. */
export function genesisTemplate(kind: ChainKind): Genesis {
  const difficulty = { local: 2n ** 18n, dev: 2n ** 22n, main: 10n ** 7n }[kind]
  const market = (netuid: number, name: string, emissionShare: number): GenesisMarket => {
    const parameters = { ...defaultMarketParameters(kind), emissionShare }
    return { netuid, name, difficulty, burnPrice: parameters.burnMin, parameters }
  }
  return {
    chainId: `taumesh-${kind}`,
    kind,
    engine: { kind: 'orderer', key: ZERO },
    time: 0n,
    ledgerVersion: LEDGER_VERSION,
    parameters: defaultChainParameters(kind),
    markets: [market(1, 'completion', 6_000), market(2, 'summarization', 2_000), market(3, 'images', 2_000)],
    accounts: [],
    stakes: [],
  }
}

function demand(holds: boolean, detail: string): asserts holds {
  if (!holds) throw new NodeError('LEDGER_GENESIS', { detail })
}
const increasing = (values: readonly number[]): boolean => values.every((value, i) => i === 0 || value > (values[i - 1] ?? value))
const distinct = (keys: readonly Uint8Array[]): boolean => new Set(keys.map(toHex)).size === keys.length

/** Everything that a ledger may start from. @throws NodeError LEDGER_GENESIS */
export function checkGenesis(genesis: Genesis): void {
  demand(/^[a-z0-9][a-z0-9-]{0,31}$/.test(genesis.chainId), 'chainId is not of a to z, 0 to 9 and hyphens, at most 32')
  demand(genesis.ledgerVersion === LEDGER_VERSION, `ledgerVersion ${genesis.ledgerVersion} is not known to this program`)
  demand(genesis.time <= BigInt(Number.MAX_SAFE_INTEGER), 'its time is no time in Unix ms')
  checkEngine(genesis.engine)
  checkChainParameters(genesis.parameters)
  checkMarkets(genesis.markets)
  const { accounts, stakes, parameters } = genesis
  demand(![...accounts.map((a) => a.coldkey), ...stakes.flatMap((s) => [s.hotkey, s.owner])].some(isZero), 'a key is all zero')
  demand(distinct(accounts.map((a) => a.coldkey)), 'a coldkey stands twice')
  demand(distinct(stakes.map((s) => s.hotkey)), 'a hotkey stands twice')
  const least = parameters.existentialDeposit
  demand(
    [...accounts.map((a) => a.free), ...stakes.map((s) => s.amount)].every((amount) => amount >= least),
    `an amount is below ${least} rao`,
  )
  demand(genesisIssuance(genesis) <= ISSUANCE_MAX_RAO, 'it holds more than 21 million τ')
  // Without a validator nobody could ever earn.
  const validatorLeast = genesis.markets.reduce(
    (min, { parameters: p }) => (p.validatorStakeMinimum < min ? p.validatorStakeMinimum : min),
    ISSUANCE_MAX_RAO,
  )
  demand(
    stakes.some(({ amount }) => amount >= validatorLeast),
    `no hotkey has the ${validatorLeast} rao of a validator`,
  )
}

function checkEngine(engine: GenesisEngine): void {
  if (engine.kind === 'orderer') return demand(!isZero(engine.key), "the orderer's key is missing")
  demand(
    engine.validators.length > 0 && engine.validators.length <= ENGINE_VALIDATORS_MAX,
    `it needs 1 to ${ENGINE_VALIDATORS_MAX} block validators`,
  )
  demand(!engine.validators.some(({ key, power }) => isZero(key) || power === 0n), 'a block validator lacks key or power')
  demand(distinct(engine.validators.map(({ key }) => key)), 'a block validator stands twice')
}

function checkMarkets(markets: readonly GenesisMarket[]): void {
  demand(markets.length > 0 && markets.length <= MARKETS_MAX, `it needs 1 to ${MARKETS_MAX} markets`)
  demand(increasing(markets.map(({ netuid }) => netuid)), 'the markets are not ordered by netuid')
  demand(new Set(markets.map(({ name }) => name)).size === markets.length, 'a name of a market stands twice')
  for (const { name, difficulty, burnPrice, parameters } of markets) {
    demand(/^[a-z][a-z0-9-]{0,31}$/.test(name), 'a name of a market is not of a to z, 0 to 9 and hyphens, at most 32')
    checkMarketParameters(parameters, name)
    demand(difficulty >= parameters.difficultyMin && difficulty <= parameters.difficultyMax, `${name}: difficulty is outside its bounds`)
    demand(burnPrice >= parameters.burnMin && burnPrice <= parameters.burnMax, `${name}: burnPrice is outside its bounds`)
  }
  demand(
    markets.some(({ parameters }) => parameters.emissionShare > 0),
    'no market has a share of the emission',
  )
}
