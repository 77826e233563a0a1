/**
 * Every governed parameter (ledger.md, Genesis and parameters; the rest: wire.md 5.5, column 2023), once: type, unit, bounds
 * and default per kind of network. Bounds are part of the program: no vote and no genesis leaves them.
 */
import { ContainerType } from '@chainsafe/ssz'
import type { Type } from '@chainsafe/ssz'
import { RAO_PER_TAU } from './amounts.ts'
import { B32, bool, u16, u32, u64, u8 } from './canonical.ts'
import { NodeError } from './errors.ts'
import { NEURONS_MAX, REVEAL_LAG_MAX, SEQUENCE_LENGTHS } from './ledger-limits.ts'

export const chainKinds = ['local', 'dev', 'main'] as const
export type ChainKind = (typeof chainKinds)[number]

type PerKind<T> = readonly [local: T, dev: T, main: T]
interface NumberSpec {
  type: 'u8' | 'u16' | 'u32'
  unit: string
  min: number
  max: number
  default: number | PerKind<number>
  help: string
}
interface BigSpec {
  type: 'u64'
  unit: string
  min: bigint
  max: bigint
  default: bigint | PerKind<bigint>
  help: string
}
interface BoolSpec {
  type: 'bool'
  unit: string
  default: boolean
  help: string
}
interface RootSpec {
  type: 'b32'
  unit: string
  help: string
}
export type ParameterSpec = NumberSpec | BigSpec | BoolSpec | RootSpec
type ValueOfSpec<S> = S extends { type: 'u64' }
  ? bigint
  : S extends { type: 'bool' }
    ? boolean
    : S extends { type: 'b32' }
      ? Uint8Array
      : number

const u16Max = 65_535
const u64Max = 2n ** 64n - 1n
/** More than all there is: a price or minimum up to here cannot overflow a sum. */
const raoMax = 21_000_000n * RAO_PER_TAU

/** Parameters of the whole ledger. */
export const chainParameterSpecs = {
  blockTimeMs: { type: 'u32', unit: 'ms', min: 10, max: 60_000, default: [1_000, 2_000, 12_000], help: 'time between blocks' },
  baseFee: {
    type: 'u64',
    unit: 'rao',
    min: 0n,
    max: RAO_PER_TAU,
    default: 100_000n,
    help: 'what a coldkey pays the treasury for a transaction',
  },
  existentialDeposit: {
    type: 'u64',
    unit: 'rao',
    min: 1n,
    max: RAO_PER_TAU,
    default: 500n,
    help: 'least free balance and least stake that are kept',
  },
  takeMax: { type: 'u16', unit: '/65535', min: 0, max: 11_796, default: 11_796, help: 'highest take of a delegate (18 %)' },
  takeIntervalBlocks: {
    type: 'u32',
    unit: 'blocks',
    min: 1,
    max: 1_000_000,
    default: [60, 2_000, 216_000],
    help: 'least time between two raises of a take',
  },
  votingBlocks: {
    type: 'u32',
    unit: 'blocks',
    min: 10,
    max: 1_000_000,
    default: [30, 1_000, 50_400],
    help: 'how long a proposal takes votes',
  },
  timeLockBlocks: {
    type: 'u32',
    unit: 'blocks',
    min: 1,
    max: 1_000_000,
    default: [30, 500, 14_400],
    help: 'from a proposal won, or a key swap asked, to its effect',
  },
  unbondingBlocks: {
    type: 'u32',
    unit: 'blocks',
    min: 1,
    max: 2_000_000,
    default: [60, 2_000, 151_200],
    help: 'how long stake that leaves a block validator stays locked',
  },
  proposalDeposit: { type: 'u64', unit: 'rao', min: RAO_PER_TAU, max: raoMax, default: 100n * RAO_PER_TAU, help: 'deposit of a proposal' },
  quorum: { type: 'u16', unit: '/65535', min: 655, max: u16Max, default: 13_107, help: 'share of the total stake that must vote (20 %)' },
} as const satisfies Record<string, ParameterSpec>

/** Parameters of one market. */
export const marketParameterSpecs = {
  emissionShare: { type: 'u16', unit: '/10000', min: 0, max: 10_000, default: 0, help: 'share of the emission' },
  tempo: { type: 'u16', unit: 'blocks', min: 1, max: 50_400, default: [9, 49, 99], help: 'an epoch takes tempo + 1 blocks' },
  revealLag: { type: 'u8', unit: 'epochs', min: 1, max: REVEAL_LAG_MAX, default: 1, help: 'from a commitment of weights to its reveal' },
  immunityPeriod: {
    type: 'u16',
    unit: 'blocks',
    min: 1,
    max: u16Max,
    default: [40, 500, 4_096],
    help: 'how long a new neuron cannot be replaced',
  },
  activityCutoff: {
    type: 'u16',
    unit: 'blocks',
    min: 1,
    max: u16Max,
    default: [500, 2_500, 5_000],
    help: 'age at which weights stop counting',
  },
  difficultyMin: { type: 'u64', unit: '', min: 1n, max: 2n ** 63n, default: [2n ** 16n, 2n ** 20n, 10n ** 7n], help: 'least difficulty' },
  difficultyMax: {
    type: 'u64',
    unit: '',
    min: 1n,
    max: 2n ** 63n,
    default: [2n ** 40n, 2n ** 56n, 2n ** 62n - 1n],
    help: 'highest difficulty',
  },
  burnMin: { type: 'u64', unit: 'rao', min: 1n, max: raoMax, default: RAO_PER_TAU, help: 'least price of a registration' },
  burnMax: { type: 'u64', unit: 'rao', min: 1n, max: raoMax, default: 100n * RAO_PER_TAU, help: 'highest price of a registration' },
  adjustmentInterval: {
    type: 'u16',
    unit: 'blocks',
    min: 1,
    max: u16Max,
    default: [20, 100, 100],
    help: 'after so many blocks difficulty and price move',
  },
  adjustmentAlpha: {
    type: 'u64',
    unit: '/(2^64-1)',
    min: 0n,
    max: u64Max,
    default: 0n,
    help: 'weight of the old difficulty and price in the new',
  },
  registrationTarget: {
    type: 'u16',
    unit: 'registrations',
    min: 1,
    max: 1_024,
    default: [8, 8, 2],
    help: 'aimed at per interval; three times as many is the cap',
  },
  registrationsPerBlock: { type: 'u16', unit: 'registrations', min: 1, max: 1_024, default: [4, 2, 1], help: 'most in one block' },
  registrationAllowed: { type: 'bool', unit: '', default: true, help: 'whether neurons may register' },
  neuronsMax: { type: 'u16', unit: 'neurons', min: 1, max: NEURONS_MAX, default: NEURONS_MAX, help: 'slots' },
  prunableFloor: {
    type: 'u16',
    unit: 'neurons',
    min: 0,
    max: NEURONS_MAX,
    default: 10,
    help: 'a full market replaces nobody while no more than these are past immunity',
  },
  stakeMinimum: { type: 'u64', unit: 'rao', min: 0n, max: raoMax, default: RAO_PER_TAU, help: 'stake that gives access' },
  validatorStakeMinimum: {
    type: 'u64',
    unit: 'rao',
    min: 0n,
    max: raoMax,
    default: 1_000n * RAO_PER_TAU,
    help: 'stake with which a permit counts',
  },
  serveIntervalBlocks: {
    type: 'u32',
    unit: 'blocks',
    min: 1,
    max: 1_000_000,
    default: [2, 10, 50],
    help: 'least time between two endpoints of a neuron',
  },
  kappa: { type: 'u16', unit: '/65535', min: 32_767, max: 36_044, default: 32_767, help: 'majority of stake that consensus follows' },
  bondsMovingAverage: { type: 'u64', unit: '/10^6', min: 0n, max: 1_000_000n, default: 900_000n, help: 'weight of old bonds' },
  validatorsMax: { type: 'u16', unit: 'permits', min: 1, max: NEURONS_MAX, default: 128, help: 'permits' },
  weightsMin: { type: 'u16', unit: 'targets', min: 1, max: NEURONS_MAX, default: 1, help: 'least targets of a row of weights' },
  weightLimit: { type: 'u16', unit: '/65535', min: 1, max: u16Max, default: u16Max, help: 'most of a row for one target; 65535 is off' },
  sequenceLength: {
    type: 'u16',
    unit: 'bytes',
    min: 64,
    max: 4_096,
    default: 256,
    help: 'length of what is scored: 64, 256, 1024 or 4096',
  },
  fallbackRoot: { type: 'b32', unit: 'sha256', help: 'hash of the public fallback model; zero: none' },
  baseRoot: { type: 'b32', unit: 'blake3', help: 'root of the shared base model; zero: none' },
} as const satisfies Record<string, ParameterSpec>

type ValuesOf<S extends Record<string, ParameterSpec>> = { -readonly [K in keyof S]: ValueOfSpec<S[K]> }
export type ChainParameters = ValuesOf<typeof chainParameterSpecs>
export type MarketParameters = ValuesOf<typeof marketParameterSpecs>

const sszTypes = { u8, u16, u32, u64, bool, b32: B32 } as const
const containerOf = <S extends Record<string, ParameterSpec>>(specs: S): ContainerType<{ [K in keyof S]: Type<ValueOfSpec<S[K]>> }> => {
  const fields = Object.fromEntries(Object.entries(specs).map(([name, { type }]) => [name, sszTypes[type]]))
  return new ContainerType(fields as unknown as { [K in keyof S]: Type<ValueOfSpec<S[K]>> })
}
/** SSZ of all chain-wide parameters, in the order of the table. */
export const chainParametersType = containerOf(chainParameterSpecs)
/** SSZ of all parameters of a market, in the order of the table. */
export const marketParametersType = containerOf(marketParameterSpecs)

function defaultOf(spec: ParameterSpec, kind: ChainKind): number | bigint | boolean | Uint8Array {
  if (spec.type === 'b32') return new Uint8Array(32)
  if (spec.type === 'bool') return spec.default
  return typeof spec.default === 'object' ? spec.default[chainKinds.indexOf(kind) as 0 | 1 | 2] : spec.default
}
const defaultsOf = <S extends Record<string, ParameterSpec>>(specs: S, kind: ChainKind): ValuesOf<S> =>
  Object.fromEntries(Object.entries(specs).map(([name, spec]) => [name, defaultOf(spec, kind)])) as unknown as ValuesOf<S>

export const defaultChainParameters = (kind: ChainKind): ChainParameters => defaultsOf(chainParameterSpecs, kind)
export const defaultMarketParameters = (kind: ChainKind): MarketParameters => defaultsOf(marketParameterSpecs, kind)

function checkBounds(specs: Record<string, ParameterSpec>, values: Record<string, unknown>, what: string): void {
  for (const [name, spec] of Object.entries(specs)) {
    if (spec.type === 'bool' || spec.type === 'b32') continue
    const value = values[name]
    const inside =
      typeof value === (spec.type === 'u64' ? 'bigint' : 'number') && (value as number) >= spec.min && (value as number) <= spec.max
    if (!inside) throw new NodeError('LEDGER_GENESIS', { detail: `${what}${name} is outside ${spec.min} to ${spec.max}` })
  }
}

/** @throws NodeError LEDGER_GENESIS for a value outside its bounds */
export function checkChainParameters(values: ChainParameters): void {
  checkBounds(chainParameterSpecs, values, '')
}

/** Bounds of each, and what several must keep together. @throws NodeError LEDGER_GENESIS */
export function checkMarketParameters(values: MarketParameters, name: string): void {
  checkBounds(marketParameterSpecs, values, `${name}.`)
  const demand = (holds: boolean, detail: string): void => {
    if (!holds) throw new NodeError('LEDGER_GENESIS', { detail: `${name}: ${detail}` })
  }
  demand(values.difficultyMin <= values.difficultyMax, 'difficultyMin is above difficultyMax')
  demand(values.burnMin <= values.burnMax, 'burnMin is above burnMax')
  demand(SEQUENCE_LENGTHS.includes(values.sequenceLength), `sequenceLength is none of ${SEQUENCE_LENGTHS.join(', ')}`)
  // A neuron must have had a chance of revealed weights before it can be replaced (reliability.md 9.1).
  const least = (values.revealLag + 2) * (values.tempo + 1)
  demand(values.immunityPeriod >= least, `immunityPeriod is below ${least}, reveal lag + 2 epochs`)
}
