/** Answers about one state (ports/ledger.ts, Queries). Views: floats in them are for people and priorities, never for the ledger. */
import { decodeAction, encodeAction } from '../../protocol/actions.ts'
import { fromHex, toHex } from '../../protocol/bytes.ts'
import type { Hex } from '../../protocol/bytes.ts'
import { NodeError } from '../../protocol/errors.ts'
import { chainKinds } from '../../protocol/parameters.ts'
import type { Account, Head, HotkeyInfo, Market as MarketView, Neuron, Queries } from '../../protocol/ports/ledger.ts'
import type { Market } from './market.ts'
import { keyText } from './state.ts'
import type { State } from './state.ts'
import { permitCounts, readPairs } from './weights.ts'

/** The queries that a state alone can answer; the others need the blocks before it. */
export type StateQueryName =
  | 'head'
  | 'parameters'
  | 'markets'
  | 'market'
  | 'neurons'
  | 'neuron'
  | 'neuronOf'
  | 'weights'
  | 'account'
  | 'hotkey'
  | 'nonce'
  | 'access'
type StateQueries = { [Q in StateQueryName]: (state: State, ...args: Queries[Q]['args']) => Queries[Q]['result'] }

const SHARES = 10_000
/** The number of `serve`: endpoints are kept as that transaction's fields. */
const SERVE = encodeAction({ kind: 'serve', netuid: 0, addresses: [], httpIp: new Uint8Array(16), httpPort: 0 }).code

function keyOf(text: Hex): Uint8Array {
  if (!/^[0-9a-f]{64}$/.test(text)) throw new NodeError('LEDGER_NOT_FOUND', { what: 'key of that form' })
  return fromHex(text)
}

function marketOf(state: State, netuid: number): Market {
  const market = state.markets.find((other) => other.netuid === netuid)
  if (!market) throw new NodeError('LEDGER_NOT_FOUND', { what: `market ${netuid}` })
  return market
}

const view = (value: unknown): number | bigint | boolean | string =>
  value instanceof Uint8Array ? toHex(value) : (value as number | bigint | boolean)

function marketView(state: State, market: Market): MarketView {
  const { netuid, parameters, size } = market
  const head = market.parts.head.value
  const period = parameters.tempo + 1
  return {
    netuid,
    name: Buffer.from(head.name).toString('latin1'),
    neurons: size,
    neuronsMax: parameters.neuronsMax,
    difficulty: head.difficulty,
    burnPrice: head.burnPrice,
    registrationsThisInterval: head.worked + head.burned,
    registrationAllowed: parameters.registrationAllowed,
    tempo: parameters.tempo,
    epoch: BigInt(head.epoch),
    blocksUntilEpoch: period - ((state.height + netuid + 2) % period),
    revealLag: parameters.revealLag,
    emissionShare: parameters.emissionShare / SHARES,
    pendingEmission: head.pending,
    sequenceLength: parameters.sequenceLength,
    stakeMinimum: parameters.stakeMinimum,
    validatorStakeMinimum: parameters.validatorStakeMinimum,
    immunityPeriod: parameters.immunityPeriod,
    activityCutoff: parameters.activityCutoff,
    fallbackRoot: toHex(parameters.fallbackRoot),
    baseRoot: toHex(parameters.baseRoot),
  }
}

function addressesOf(endpoint: Uint8Array): string[] {
  if (endpoint.length === 0) return []
  const action = decodeAction(SERVE, endpoint)
  return action.kind === 'serve' ? [...action.addresses] : []
}

function neuronView(state: State, market: Market, uid: number): Neuron {
  const { parts, parameters, netuid } = market
  const { hotkeys, accounts } = state
  const row = parts.hotkey.get(uid)
  const modelAt = parts.modelAt.get(uid)
  const model =
    modelAt === 0
      ? null
      : {
          root: toHex(parts.modelRoot.get(uid)),
          class: parts.modelClass.get(uid),
          sequenceLength: parts.modelLength.get(uid),
          height: modelAt,
        }
  return {
    netuid,
    uid,
    hotkey: keyText(hotkeys, row),
    coldkey: keyText(accounts, hotkeys.owner.get(row)),
    stake: hotkeys.stake.get(row),
    stakeAtEpoch: parts.stakeAtEpoch.get(uid),
    rank: parts.rank.get(uid),
    trust: parts.trust.get(uid),
    consensus: parts.consensus.get(uid),
    incentive: parts.incentive.get(uid),
    dividends: parts.dividends.get(uid),
    validatorTrust: parts.validatorTrust.get(uid),
    pruningScore: parts.pruningScore.get(uid),
    emission: parts.emission.get(uid),
    permit: parts.permit.get(uid),
    active: parts.active.get(uid),
    lastUpdate: parts.lastUpdate.get(uid),
    registeredAt: parts.registeredAt.get(uid),
    immune: state.height - parts.registeredAt.get(uid) < parameters.immunityPeriod,
    addresses: addressesOf(parts.endpoint.get(uid)),
    model,
  }
}

const uidsOf = (market: Market): number[] => Array.from({ length: market.size }, (_, uid) => uid)

function head(state: State): Head {
  const { value } = state.chain.head
  const kind = chainKinds[value.kind]
  if (kind === undefined) throw new NodeError('LEDGER_STATE', { detail: 'its kind is unknown' })
  return {
    chainId: Buffer.from(value.chainId).toString('latin1'),
    kind,
    genesisHash: toHex(value.genesis),
    height: value.height,
    hash: state.headHash ? toHex(state.headHash) : '',
    time: value.time,
    stateRoot: toHex(state.root()),
    issuance: value.issuance,
    totalStake: value.totalStake,
    treasury: value.treasury,
    blockTimeMs: state.parameters.blockTimeMs,
  }
}

/** Chain-wide ones by name, those of a market as `market.name`. */
function parameters(state: State): Record<string, number | bigint | boolean | string> {
  const entries = Object.entries(state.parameters).map(([name, value]) => [name, view(value)] as const)
  for (const market of state.markets) {
    const prefix = Buffer.from(market.parts.head.value.name).toString('latin1')
    for (const [name, value] of Object.entries(market.parameters)) entries.push([`${prefix}.${name}`, view(value)])
  }
  return Object.fromEntries(entries)
}

function account(state: State, coldkey: Hex): Account {
  const key = keyOf(coldkey)
  const row = state.account(key)
  const nonce = state.nonce(key)
  if (row === undefined) return { coldkey, free: 0n, locked: 0n, nonce, stakes: [] }
  const stakes = state.stakes.ofColdkey(row).map(({ hotkey, amount }) => ({ hotkey: keyText(state.hotkeys, hotkey), amount }))
  stakes.sort((a, b) => (a.hotkey < b.hotkey ? -1 : 1))
  return { coldkey, free: state.accounts.free.get(row), locked: state.accounts.locked.get(row), nonce, stakes }
}

function hotkey(state: State, text: Hex): HotkeyInfo {
  const key = keyOf(text)
  const row = state.hotkey(key)
  const nonce = state.nonce(key)
  if (row === undefined) return { hotkey: text, owner: null, take: 0, stake: 0n, nonce, delegations: [] }
  const { hotkeys, accounts } = state
  const delegations = state.stakes.ofHotkey(row).map(({ coldkey, amount }) => ({ coldkey: keyText(accounts, coldkey), amount }))
  delegations.sort((a, b) => (a.coldkey < b.coldkey ? -1 : 1))
  return {
    hotkey: text,
    owner: keyText(accounts, hotkeys.owner.get(row)),
    take: hotkeys.take.get(row),
    stake: hotkeys.stake.get(row),
    nonce,
    delegations,
  }
}

/** Stake against the market's minimum: a hotkey counts all behind it, a coldkey what it has staked itself. */
function access(state: State, netuid: number): Queries['access']['result'] {
  const market = marketOf(state, netuid)
  const { stakeMinimum } = market.parameters
  const total = Number(state.chain.head.value.totalStake)
  const found = new Map<Hex, Queries['access']['result'][number]>()
  const add = (key: Hex, stake: bigint, uid: number | undefined): void => {
    const admitted = stake > 0n && stake >= stakeMinimum
    if (!admitted && uid === undefined) return
    const other = found.get(key)
    found.set(key, {
      key,
      registered: uid !== undefined || other?.registered === true,
      permit: (uid !== undefined && permitCounts(state, market, uid)) || other?.permit === true,
      admitted: admitted || other?.admitted === true,
      share: Math.max(total > 0 ? Number(stake) / total : 0, other?.share ?? 0),
    })
  }
  const staked = new Map<number, bigint>()
  const { hotkey: behind, coldkey, amount } = state.stakes.parts
  const rows = new Set<number>()
  for (let row = 0; row < amount.length; row++) {
    rows.add(behind.get(row))
    staked.set(coldkey.get(row), (staked.get(coldkey.get(row)) ?? 0n) + amount.get(row))
  }
  for (const uid of uidsOf(market)) rows.add(market.parts.hotkey.get(uid))
  for (const row of rows) add(keyText(state.hotkeys, row), state.hotkeys.stake.get(row), market.uidOf(row))
  for (const [row, stake] of staked) add(keyText(state.accounts, row), stake, undefined)
  return [...found.values()].sort((a, b) => (a.key < b.key ? -1 : 1))
}

export const queries: StateQueries = {
  head,
  parameters,
  markets: (state) => state.markets.map((market) => marketView(state, market)),
  market: (state, netuid) => marketView(state, marketOf(state, netuid)),
  neurons: (state, netuid) => {
    const market = marketOf(state, netuid)
    return uidsOf(market).map((uid) => neuronView(state, market, uid))
  },
  neuron: (state, netuid, uid) => {
    const market = marketOf(state, netuid)
    if (!Number.isInteger(uid) || uid < 0 || uid >= market.size)
      throw new NodeError('LEDGER_NOT_FOUND', { what: `uid ${uid} in market ${netuid}` })
    return neuronView(state, market, uid)
  },
  neuronOf: (state, netuid, text) => {
    const market = marketOf(state, netuid)
    const row = state.hotkey(keyOf(text))
    const uid = row === undefined ? undefined : market.uidOf(row)
    return uid === undefined ? null : neuronView(state, market, uid)
  },
  weights: (state, netuid) => {
    const market = marketOf(state, netuid)
    return uidsOf(market)
      .filter((uid) => market.parts.weights.get(uid).length > 0)
      .map((uid) => ({ uid, ...readPairs(market.parts.weights.get(uid)), lastUpdate: market.parts.lastUpdate.get(uid) }))
  },
  account,
  hotkey,
  nonce: (state, key) => state.nonce(keyOf(key)),
  access,
}
