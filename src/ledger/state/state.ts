/**
 * The state of a ledger: tables of keys, stakes and markets with what is derived from them. A fork shares everything that is
 * not written afterwards, so the state before a block stays whole and a new one costs what the block changed.
 */
import type { Hex } from '../../protocol/bytes.ts'
import { NodeError } from '../../protocol/errors.ts'
import { EXPIRY_BLOCKS_MAX, MARKETS_MAX, ROWS_MAX } from '../../protocol/ledger-limits.ts'
import type { ChainParameters } from '../../protocol/parameters.ts'
import { Column, columnCodecs } from './column.ts'
import { encodeParts, forkParts, joinFields, rootOfParts, rootOfRoots } from './container.ts'
import { findRow } from './keyed.ts'
import { stateShape, marketShape } from './layout.ts'
import type { AccountParts, ChainParts, HotkeyParts, SignerParts } from './layout.ts'
import type { Lookup } from './lookup.ts'
import type { Market } from './market.ts'
import { depthOf, extend, merkleRoot, mixInLength } from './merkle.ts'
import type { StakeTable } from './stake-table.ts'

/** Heights within which a key's use is remembered for the day its row may go. */
export const USE_SLOTS = EXPIRY_BLOCKS_MAX + 1

/** Derived: how often each row is named elsewhere. */
interface Counts {
  /** Hotkeys that an account owns. */
  owned: Column<number>
  /** Markets in which a hotkey has a uid. */
  uids: Column<number>
}
interface Indexes {
  signers: Lookup
  accounts: Lookup
  hotkeys: Lookup
}
export interface Tables {
  chain: ChainParts
  signers: SignerParts
  accounts: AccountParts
  hotkeys: HotkeyParts
  stakes: StakeTable
  markets: readonly Market[]
}

export const newCounts = (): Counts => ({ owned: new Column(columnCodecs.u32, ROWS_MAX), uids: new Column(columnCodecs.u8, ROWS_MAX) })

export class State {
  readonly chain: ChainParts
  readonly signers: SignerParts
  readonly accounts: AccountParts
  readonly hotkeys: HotkeyParts
  readonly stakes: StakeTable
  readonly markets: readonly Market[]
  readonly index: Indexes
  readonly counts: Counts
  /** Rows of signers by the height of a use, modulo `USE_SLOTS`; a row used again later stands in both. */
  readonly uses: (readonly number[])[]
  /** Hash of the block that made this state (height 0: the genesis hash); undefined where a loaded state was not told. */
  headHash: Uint8Array | undefined
  #root: Uint8Array | null = null

  constructor(tables: Tables, derived: { index: Indexes; counts: Counts; uses: (readonly number[])[] }) {
    this.chain = tables.chain
    this.signers = tables.signers
    this.accounts = tables.accounts
    this.hotkeys = tables.hotkeys
    this.stakes = tables.stakes
    this.markets = tables.markets
    this.index = derived.index
    this.counts = derived.counts
    this.uses = derived.uses
  }

  get height(): number {
    return this.chain.head.value.height
  }

  get time(): number {
    return this.chain.head.value.time
  }

  get parameters(): Readonly<ChainParameters> {
    return this.chain.parameters.value
  }

  fork(): State {
    const tables: Tables = {
      chain: forkParts(this.chain),
      signers: forkParts(this.signers),
      accounts: forkParts(this.accounts),
      hotkeys: forkParts(this.hotkeys),
      stakes: this.stakes.fork(),
      markets: this.markets.map((market) => market.fork()),
    }
    return new State(tables, { index: forkParts(this.index), counts: forkParts(this.counts), uses: this.uses.slice() })
  }

  /** @throws NodeError LEDGER_MARKET_UNKNOWN */
  market(netuid: number): Market {
    const found = this.markets.find((market) => market.netuid === netuid)
    if (!found) throw new NodeError('LEDGER_MARKET_UNKNOWN', { netuid })
    return found
  }

  signer(key: Uint8Array): number | undefined {
    return findRow(this.signers, this.index.signers, key)
  }

  account(key: Uint8Array): number | undefined {
    return findRow(this.accounts, this.index.accounts, key)
  }

  hotkey(key: Uint8Array): number | undefined {
    return findRow(this.hotkeys, this.index.hotkeys, key)
  }

  /** The next nonce of a key. */
  nonce(key: Uint8Array): bigint {
    const row = this.signer(key)
    return row === undefined ? 0n : this.signers.nonce.get(row)
  }

  /** The SSZ root of the whole. Kept, so nothing may be written once it was asked for. */
  root(): Uint8Array {
    if (this.#root) return this.#root
    const markets = this.markets.map((market) => rootOfParts(market.parts))
    const list = extend(merkleRoot(Buffer.concat(markets), depthOf(markets.length)), depthOf(markets.length), depthOf(MARKETS_MAX))
    this.#root = rootOfRoots([
      rootOfParts(this.chain),
      rootOfParts(this.signers),
      rootOfParts(this.accounts),
      rootOfParts(this.hotkeys),
      rootOfParts(this.stakes.parts),
      mixInLength(list, markets.length),
    ])
    return this.#root
  }

  /** Canonical SSZ. */
  encode(): Uint8Array {
    const markets = this.markets.map((market) => encodeParts(marketShape, market.parts))
    return joinFields([
      encodeParts(stateShape.chain, this.chain),
      encodeParts(stateShape.signers, this.signers),
      encodeParts(stateShape.accounts, this.accounts),
      encodeParts(stateShape.hotkeys, this.hotkeys),
      encodeParts(stateShape.stakes, this.stakes.parts),
      joinFields(markets),
    ])
  }
}

/** Text of a row's key, for events and answers. */
export const keyText = (table: { key: Column<Uint8Array> }, row: number): Hex => Buffer.from(table.key.get(row)).toString('hex')
