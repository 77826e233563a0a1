/** Where states come from: a genesis, or the bytes of a snapshot. */
import { utf8 } from '../../protocol/bytes.ts'
import { NodeError } from '../../protocol/errors.ts'
import { genesisHash, genesisIssuance } from '../../protocol/genesis.ts'
import type { Genesis } from '../../protocol/genesis.ts'
import { MARKETS_MAX } from '../../protocol/ledger-limits.ts'
import { chainKinds } from '../../protocol/parameters.ts'
import { decodeParts } from './container.ts'
import type { Shapes } from './container.ts'
import { checkWhole } from './invariants.ts'
import { indexRows } from './keyed.ts'
import { accountRow, newHotkeyRow, rememberUses } from './keys.ts'
import { emptyPart, marketShape, stateShape } from './layout.ts'
import type { PartsOf } from './layout.ts'
import { Market } from './market.ts'
import { StateRecord } from './record.ts'
import { splitOffsets } from './rows.ts'
import { StakeTable } from './stake-table.ts'
import { newCounts, State, USE_SLOTS } from './state.ts'
import type { Tables } from './state.ts'
import type { StateParts } from './work.ts'
import { Work } from './work.ts'

/** A container of columns and rows without values; records are given. */
function empty<S extends Shapes>(shapes: S, records: Record<string, object>): PartsOf<S> {
  const parts = Object.entries(shapes).map(([name, shape]) => [
    name,
    shape.kind === 'record' ? new StateRecord(shape.type, records[name] ?? {}) : emptyPart(shape),
  ])
  return Object.fromEntries(parts) as PartsOf<S>
}

/** Derives what the tables imply. @throws NodeError LEDGER_STATE where they do not fit together */
function derive(tables: Tables): State {
  const { signers, accounts, hotkeys, markets } = tables
  const index = { signers: indexRows(signers), accounts: indexRows(accounts), hotkeys: indexRows(hotkeys) }
  const counts = newCounts()
  const demand = (holds: boolean, detail: string): void => {
    if (!holds) throw new NodeError('LEDGER_STATE', { detail })
  }
  const isHotkey = (row: number): boolean => row < hotkeys.key.length && !hotkeys.key.holds(row, new Uint8Array(32))
  const isAccount = (row: number): boolean => row < accounts.key.length && !accounts.key.holds(row, new Uint8Array(32))
  for (let row = 0; row < hotkeys.key.length; row++) {
    if (!isHotkey(row)) continue
    const owner = hotkeys.owner.get(row)
    demand(isAccount(owner), 'a hotkey has no owner')
    counts.owned.put(owner, counts.owned.get(owner) + 1)
  }
  for (let row = 0; row < tables.stakes.parts.amount.length; row++)
    demand(isHotkey(tables.stakes.parts.hotkey.get(row)) && isAccount(tables.stakes.parts.coldkey.get(row)), 'a stake names an empty row')
  for (const market of markets)
    for (let uid = 0; uid < market.size; uid++) {
      const row = market.parts.hotkey.get(uid)
      demand(isHotkey(row) && market.uidOf(row) === undefined, 'a uid names no hotkey, or one that has another')
      market.name(row, uid)
      counts.uids.put(row, counts.uids.get(row) + 1)
    }
  const uses: (readonly number[])[] = Array.from({ length: USE_SLOTS }, () => [])
  const state = new State(tables, { index, counts, uses })
  rememberUses(state)
  return state
}

/** The state at height 0. @throws NodeError LEDGER_GENESIS, LEDGER_MALFORMED */
export function initialState(genesis: Genesis, parts: StateParts): State {
  const hash = genesisHash(genesis)
  const zero = new Uint8Array(32)
  const head = {
    chainId: utf8(genesis.chainId),
    genesis: hash,
    kind: chainKinds.indexOf(genesis.kind),
    height: 0,
    time: Number(genesis.time),
    issuance: genesisIssuance(genesis),
    genesisIssuance: genesisIssuance(genesis),
    emitted: 0n,
    burned: 0n,
    totalStake: 0n,
    treasury: 0n,
    ordererKey: genesis.engine.kind === 'orderer' ? genesis.engine.key : zero,
    recent: [],
  }
  const markets = genesis.markets.map(({ netuid, name, difficulty, burnPrice, parameters }) => {
    const marketHead = { netuid, name: utf8(name), epoch: 0, difficulty, burnPrice, worked: 0, burned: 0, pending: 0n }
    return new Market(empty(marketShape, { head: marketHead, parameters }))
  })
  const empties = derive({
    chain: empty(stateShape.chain, { head, seals: { used: [] }, parameters: genesis.parameters }),
    signers: empty(stateShape.signers, {}),
    accounts: empty(stateShape.accounts, {}),
    hotkeys: empty(stateShape.hotkeys, {}),
    stakes: StakeTable.of(empty(stateShape.stakes, {})),
    markets,
  })
  // The tables are filled by the same functions that blocks use.
  const work = new Work(empties, parts)
  const { state } = work
  for (const { coldkey, free } of genesis.accounts) state.accounts.free.set(accountRow(work, coldkey), free)
  for (const { hotkey, owner, amount } of genesis.stakes) {
    const coldkey = accountRow(work, owner)
    const row = newHotkeyRow(work, hotkey, coldkey)
    state.stakes.set(row, coldkey, amount)
    state.hotkeys.stake.set(row, amount)
    state.chain.head.set({ totalStake: state.chain.head.value.totalStake + amount })
  }
  state.headHash = hash
  checkWhole(state)
  return state
}

/** Canonical bytes of a whole state: what a snapshot holds. */
export const serialize = (state: State): Uint8Array => state.encode()

/**
 * The state of canonical bytes, with I1 to I5 checked in full. Whether it is the right one its root says.
 * @param headHash hash of the block that made it; without it, no seal over that block is taken by `admit`
 * @throws NodeError LEDGER_STATE, LEDGER_INVARIANT
 */
export function deserialize(bytes: Uint8Array, headHash?: Uint8Array): State {
  const [chain, signers, accounts, hotkeys, stakes, list, ...more] = splitOffsets(bytes)
  if (!chain || !signers || !accounts || !hotkeys || !stakes || !list || more.length > 0)
    throw new NodeError('LEDGER_STATE', { detail: 'it has not six parts' })
  const markets = splitOffsets(list).map((market) => new Market(decodeParts(marketShape, market)))
  if (markets.length > MARKETS_MAX) throw new NodeError('LEDGER_STATE', { detail: 'it has too many markets' })
  const tables: Tables = {
    chain: decodeParts(stateShape.chain, chain),
    signers: decodeParts(stateShape.signers, signers),
    accounts: decodeParts(stateShape.accounts, accounts),
    hotkeys: decodeParts(stateShape.hotkeys, hotkeys),
    stakes: StakeTable.of(decodeParts(stateShape.stakes, stakes)),
    markets,
  }
  for (const { vacant: _, ...table } of [tables.signers, tables.accounts, tables.hotkeys]) requireEqualLengths(table)
  for (const { parts } of markets) {
    const { head: _head, parameters: _parameters, ...columns } = parts
    requireEqualLengths(columns)
  }
  const state = derive(tables)
  state.headHash = headHash
  if (Buffer.compare(state.encode(), bytes) !== 0) throw new NodeError('LEDGER_STATE', { detail: 'it encodes to other bytes' })
  checkWhole(state)
  return state
}

function requireEqualLengths(columns: Record<string, { length: number }>): void {
  const lengths = new Set(Object.values(columns).map(({ length }) => length))
  if (lengths.size !== 1) throw new NodeError('LEDGER_STATE', { detail: `columns differ in length: ${[...lengths].join(', ')}` })
}

/** The SSZ root of a state, 32 bytes. */
export const root = (state: State): Uint8Array => state.root()
