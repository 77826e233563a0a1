/**
 * What the state holds (ledger.md, State), as data: each part of it a container of records, columns and rows. Reading,
 * forking, the root and the encoding all follow from here; the encoding is SSZ, so any SSZ library gives the same root.
 */
import { ByteListType, ContainerType, ListBasicType, ListCompositeType, UintNumberType } from '@chainsafe/ssz'
import type { Type } from '@chainsafe/ssz'
import { B32, u16, u32, u64, u8 } from '../../protocol/canonical.ts'
import {
  ADDRESS_BYTES_MAX,
  ADDRESSES_MAX,
  MARKETS_MAX,
  NEURONS_MAX,
  OPEN_COMMITMENTS_MAX,
  ROWS_MAX,
  SEAL_AGE_BLOCKS_MAX,
} from '../../protocol/ledger-limits.ts'
import { chainParametersType, marketParametersType } from '../../protocol/parameters.ts'
import { Column, columnCodecs } from './column.ts'
import type { ColumnType, ColumnValue } from './column.ts'
import { StateRecord } from './record.ts'
import { Rows } from './rows.ts'

interface Hashed<V> extends Type<V> {
  hashTreeRoot(value: V): Uint8Array
}
export interface ColumnShape<K extends ColumnType> {
  kind: 'column'
  type: K
  limit: number
}
export interface RowsShape {
  kind: 'rows'
  rowLimit: number
  limit: number
}
export interface RecordShape<V extends object> {
  kind: 'record'
  type: Hashed<V>
}
export type Shape = ColumnShape<ColumnType> | RowsShape | RecordShape<object>
export type Part = Column<never> | Rows | StateRecord<object>
export type PartOf<S> =
  S extends ColumnShape<infer K>
    ? Column<ColumnValue<K>>
    : S extends RowsShape
      ? Rows
      : S extends RecordShape<infer V>
        ? StateRecord<V>
        : never
export type PartsOf<S> = { [K in keyof S]: PartOf<S[K]> }

const column = <K extends ColumnType>(type: K, limit: number): ColumnShape<K> => ({ kind: 'column', type, limit })
const rows = (rowLimit: number, limit: number): RowsShape => ({ kind: 'rows', rowLimit, limit })
const record = <V extends object>(type: Hashed<V>): RecordShape<V> => ({ kind: 'record', type })

/** A height or counter: u64 in the encoding, below 2⁵³ in fact. */
const count = new UintNumberType(8)
/** Every registration of the window, at the most that parameters allow. */
const SEALS_MAX = MARKETS_MAX * 1_024 * (SEAL_AGE_BLOCKS_MAX + 2)

/** One per ledger. */
export const chainShape = {
  head: record(
    new ContainerType({
      chainId: new ByteListType(32),
      genesis: B32,
      kind: u8,
      height: count,
      time: count,
      issuance: u64,
      genesisIssuance: u64,
      emitted: u64,
      burned: u64,
      totalStake: u64,
      treasury: u64,
      ordererKey: B32,
      /** Hashes of the last blocks, the newest first. */
      recent: new ListCompositeType(B32, SEAL_AGE_BLOCKS_MAX + 1),
    }),
  ),
  seals: record(new ContainerType({ used: new ListCompositeType(new ContainerType({ seal: B32, block: count }), SEALS_MAX) })),
  parameters: record(chainParametersType),
}
/** Keys that have signed something: their nonces. */
export const signerShape = {
  key: column('b32', ROWS_MAX),
  vacant: column('u32', ROWS_MAX),
  nonce: column('u64', ROWS_MAX),
  lastUsed: column('count', ROWS_MAX),
}
/** Coldkeys. */
export const accountShape = {
  key: column('b32', ROWS_MAX),
  vacant: column('u32', ROWS_MAX),
  free: column('u64', ROWS_MAX),
  locked: column('u64', ROWS_MAX),
}
export const hotkeyShape = {
  key: column('b32', ROWS_MAX),
  vacant: column('u32', ROWS_MAX),
  owner: column('u32', ROWS_MAX),
  stake: column('u64', ROWS_MAX),
  delegate: column('bool', ROWS_MAX),
  take: column('u16', ROWS_MAX),
  /** Height of the last raise of the take; 0 before the first. */
  takeRaisedAt: column('count', ROWS_MAX),
}
/** Who has staked what behind whom, without gaps. */
export const stakeShape = {
  hotkey: column('u32', ROWS_MAX),
  coldkey: column('u32', ROWS_MAX),
  amount: column('u64', ROWS_MAX),
}
/** Bytes of one open commitment: epoch u64, due u64, height u64, hash B32. */
export const COMMITMENT_BYTES = 56
/** One market; the columns have a row per uid. */
export const marketShape = {
  head: record(
    new ContainerType({
      netuid: u16,
      name: new ByteListType(32),
      /** Epochs completed. */
      epoch: count,
      difficulty: u64,
      burnPrice: u64,
      /** Registrations of this interval, by work and by burning. */
      worked: u32,
      burned: u32,
      /** Emission that waits for the epoch, with what the last one could not divide. */
      pending: u64,
    }),
  ),
  parameters: record(marketParametersType),
  hotkey: column('u32', NEURONS_MAX),
  stakeAtEpoch: column('u64', NEURONS_MAX),
  rank: column('u16', NEURONS_MAX),
  trust: column('u16', NEURONS_MAX),
  consensus: column('u16', NEURONS_MAX),
  incentive: column('u16', NEURONS_MAX),
  dividends: column('u16', NEURONS_MAX),
  validatorTrust: column('u16', NEURONS_MAX),
  pruningScore: column('u16', NEURONS_MAX),
  emission: column('u64', NEURONS_MAX),
  permit: column('bool', NEURONS_MAX),
  active: column('bool', NEURONS_MAX),
  lastUpdate: column('count', NEURONS_MAX),
  registeredAt: column('count', NEURONS_MAX),
  /** Height of the last `serve`; 0 before the first. */
  servedAt: column('count', NEURONS_MAX),
  /** SSZ of the endpoint, as in the transaction; empty where there is none. */
  endpoint: rows(ADDRESSES_MAX * (ADDRESS_BYTES_MAX + 4) + 64, NEURONS_MAX),
  modelRoot: column('b32', NEURONS_MAX),
  modelClass: column('u8', NEURONS_MAX),
  modelLength: column('u16', NEURONS_MAX),
  /** Height of the last `commit_model`; 0 before the first. */
  modelAt: column('count', NEURONS_MAX),
  /** One more than the epoch of the last `commit_model`. */
  modelEpoch: column('count', NEURONS_MAX),
  /** Evidence root of the last reveal. */
  evidence: column('b32', NEURONS_MAX),
  /** Pairs of uid u16 and value u16, by increasing uid. */
  weights: rows(4 * NEURONS_MAX, NEURONS_MAX),
  bonds: rows(4 * NEURONS_MAX, NEURONS_MAX),
  commitments: rows(OPEN_COMMITMENTS_MAX * COMMITMENT_BYTES, NEURONS_MAX),
}
export type ChainParts = PartsOf<typeof chainShape>
export type SignerParts = PartsOf<typeof signerShape>
export type AccountParts = PartsOf<typeof accountShape>
export type HotkeyParts = PartsOf<typeof hotkeyShape>
export type StakeParts = PartsOf<typeof stakeShape>
export type MarketParts = PartsOf<typeof marketShape>
/** The tables in the order of the state's container; the list of markets follows them. */
export const stateShape = { chain: chainShape, signers: signerShape, accounts: accountShape, hotkeys: hotkeyShape, stakes: stakeShape }

/** SSZ of one part alone, for whoever reads the state with another library. */
export function typeOf(shape: Shape): Type<unknown> {
  if (shape.kind === 'record') return shape.type
  if (shape.kind === 'rows') return new ListCompositeType(new ByteListType(shape.rowLimit), shape.limit)
  if (shape.type === 'b32') return new ListCompositeType(B32, shape.limit)
  const basic = { u8, u16, u32, u64, count, bool: u8 }[shape.type]
  return new ListBasicType(basic as UintNumberType, shape.limit)
}

/** Columns and rows without a value. */
export function emptyPart(shape: ColumnShape<ColumnType> | RowsShape): Part {
  if (shape.kind === 'rows') return new Rows(shape.rowLimit, shape.limit)
  return new Column(columnCodecs[shape.type] as (typeof columnCodecs)['u8'], shape.limit) as unknown as Part
}
/** @throws NodeError LEDGER_STATE */
export function decodePart(shape: Shape, bytes: Uint8Array): Part {
  if (shape.kind === 'record') return StateRecord.decode(shape.type, bytes)
  if (shape.kind === 'rows') return Rows.decode(shape.rowLimit, shape.limit, bytes)
  return Column.decode(columnCodecs[shape.type] as (typeof columnCodecs)['u8'], shape.limit, bytes) as unknown as Part
}
