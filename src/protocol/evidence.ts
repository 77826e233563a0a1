/**
 * The records of a validator's evidence (mixture.md 6.7) and the method that serves them. A record is one byte of kind
 * and its SSZ value; the evidence root is the Merkle root over KDF[record](u32 index ‖ kind ‖ ssz). A phi is an i64 on
 * the wire as its two's complement.
 */
import {
  ByteListType,
  ByteVectorType,
  ContainerType,
  ListBasicType,
  ListCompositeType,
  UintBigintType,
  UintNumberType,
} from '@chainsafe/ssz'
import { concat, u32le } from './bytes.ts'
import { NodeError } from './errors.ts'
import { expertRules, FILLER_BYTES_MAX } from './expert-messages.ts'
import { kdf } from './hash.ts'
import type { MethodRule } from './ports/network.ts'
import { sszCodec } from './ssz-codec.ts'
import type { SszCodec } from './ssz-codec.ts'

/** No record is longer, so that one fits a Chunk. */
export const RECORD_BYTES_MAX = 60_000
/** Peers of one game, independents and followers together. */
export const GAME_PEERS_MAX = 16
/** Swaps of one span, alternatives of one swap, and bytes of an alternative with the byte that follows it. */
export const SWAPS_MAX = 2
export const SWAP_ALTERNATIVES = 16
export const SWAP_WORD_BYTES_MAX = 32
/** Neurons of one market: the longest weights row. */
const ROW_MAX = 4_096

const u8 = new UintNumberType(1)
const u16 = new UintNumberType(2)
const u32 = new UintNumberType(4)
const u64 = new UintBigintType(8)
const B16 = new ByteVectorType(16)
const B32 = new ByteVectorType(32)
/** A Head is 94 bytes; a later minor version may not make it longer than this. Empty when no End came. */
const head = new ByteListType(128)
const signature = new ByteListType(64)

export interface StartRecord {
  epoch: bigint
  netuid: number
  /** H of the parameters that a replay uses. */
  params: Uint8Array
  /** H of all statistics before. */
  stats: Uint8Array
  seedCommit: Uint8Array
  nextSeedCommit: Uint8Array
}
/** One consistent swap: offset of the first occurrence, which of the words stands there, and all the words. */
export interface SwapRecord {
  first: number
  chosen: number
  words: Uint8Array[]
}
export interface SpanRecord {
  pass: number
  queryId: Uint8Array
  /** 0 private, 1 peers' documents, 2 users, 3 synthetic. */
  source: number
  /** The whole span, its sealed last byte included. */
  text: Uint8Array
  swaps: SwapRecord[]
  probes: { from: number; to: number; kind: number; secret: Uint8Array }[]
}
export interface GamePeer {
  uid: number
  hotkey: Uint8Array
  /** 0 independent, 1 follower. */
  tier: number
  cluster: number
  /** Uid of the leader; the peer's own where it has none. */
  leader: number
  /** In 1/4096 bit. */
  d: number
  /** In 1/32768. */
  rho: number
}
export interface GameRecord {
  pass: number
  game: number
  peers: GamePeer[]
}
export type AnswerStatus = 'in time' | 'late' | 'malformed' | 'wrong'
/** In the order of their numbers on the wire. */
export const answerStatuses: readonly AnswerStatus[] = ['in time', 'late', 'malformed', 'wrong']
export interface AnswerRecord {
  pass: number
  uid: number
  queryId: Uint8Array
  filler: Uint8Array
  /** Index into `answerStatuses`. */
  status: number
  claimHead: Uint8Array
  claimSignature: Uint8Array
  revealHead: Uint8Array
  revealSignature: Uint8Array
  /** Bodies as they came; empty when none did. */
  commit: Uint8Array
  reveal: Uint8Array
  /** Of a media answer, /65535; else 0. */
  score: number
}
export interface CloseRecord {
  pass: number
  /** The closing height; `blockHash` is of the first block above it. */
  height: number
  blockHash: Uint8Array
}
export interface ScoreRecord {
  pass: number
  game: number
  phi: { uid: number; phi: bigint }[]
}
export interface WeightsRecord {
  uids: Uint16Array
  values: Uint16Array
  /** H of all statistics after. */
  stats: Uint8Array
}
export type EvidenceRecord =
  | { kind: 'start'; value: StartRecord }
  | { kind: 'span'; value: SpanRecord }
  | { kind: 'game'; value: GameRecord }
  | { kind: 'answer'; value: AnswerRecord }
  | { kind: 'close'; value: CloseRecord }
  | { kind: 'score'; value: ScoreRecord }
  | { kind: 'weights'; value: WeightsRecord }
export type RecordKind = EvidenceRecord['kind']
/** In the order of their numbers. */
export const recordKinds: readonly RecordKind[] = ['start', 'span', 'game', 'answer', 'close', 'score', 'weights']

const start = sszCodec<StartRecord>(
  'record Start',
  new ContainerType({ epoch: u64, netuid: u16, params: B32, stats: B32, seedCommit: B32, nextSeedCommit: B32 }),
)
const swap = new ContainerType({
  first: u16,
  chosen: u8,
  words: new ListCompositeType(new ByteListType(SWAP_WORD_BYTES_MAX), SWAP_ALTERNATIVES),
})
const probe = new ContainerType({ from: u16, to: u16, kind: u8, secret: B16 })
const span = sszCodec<SpanRecord>(
  'record Span',
  new ContainerType({
    pass: u32,
    queryId: B16,
    source: u8,
    text: new ByteListType(16_384),
    swaps: new ListCompositeType(swap, SWAPS_MAX),
    probes: new ListCompositeType(probe, 8),
  }),
)
const peer = new ContainerType({ uid: u16, hotkey: B32, tier: u8, cluster: u16, leader: u16, d: u16, rho: u16 })
const game = sszCodec<GameRecord>(
  'record Game',
  new ContainerType({ pass: u32, game: u16, peers: new ListCompositeType(peer, GAME_PEERS_MAX) }),
)
const answer = sszCodec<AnswerRecord>(
  'record Answer',
  new ContainerType({
    pass: u32,
    uid: u16,
    queryId: B16,
    filler: new ByteListType(FILLER_BYTES_MAX),
    status: u8,
    claimHead: head,
    claimSignature: signature,
    revealHead: head,
    revealSignature: signature,
    commit: new ByteListType(expertRules['expert.claim'].answerBytesMax),
    reveal: new ByteListType(expertRules['expert.reveal'].answerBytesMax),
    score: u16,
  }),
)
const close = sszCodec<CloseRecord>('record Close', new ContainerType({ pass: u32, height: new UintNumberType(8), blockHash: B32 }))
const score = sszCodec<ScoreRecord>(
  'record Score',
  new ContainerType({
    pass: u32,
    game: u16,
    phi: new ListCompositeType(new ContainerType({ uid: u16, phi: u64 }), GAME_PEERS_MAX),
  }),
)
const weights = sszCodec<{ uids: number[]; values: number[]; stats: Uint8Array }>(
  'record Weights',
  new ContainerType({ uids: new ListBasicType(u16, ROW_MAX), values: new ListBasicType(u16, ROW_MAX), stats: B32 }),
)

function ssz(record: EvidenceRecord): Uint8Array {
  switch (record.kind) {
    case 'start':
      return start.encode(record.value)
    case 'span':
      return span.encode(record.value)
    case 'game':
      return game.encode(record.value)
    case 'answer':
      return answer.encode(record.value)
    case 'close':
      return close.encode(record.value)
    case 'score':
      return score.encode({ ...record.value, phi: record.value.phi.map(({ uid, phi }) => ({ uid, phi: BigInt.asUintN(64, phi) })) })
    case 'weights':
      return weights.encode({ ...record.value, uids: [...record.value.uids], values: [...record.value.values] })
  }
}

/** kind u8 ‖ ssz: how a record is stored, and what a Chunk of `data.evidence` holds. */
export function encodeRecord(record: EvidenceRecord): Uint8Array {
  const bytes = concat(Uint8Array.of(recordKinds.indexOf(record.kind)), ssz(record))
  if (bytes.length > RECORD_BYTES_MAX) throw new NodeError('MESSAGE_MALFORMED', { what: `record ${record.kind} over its size` })
  return bytes
}

const decoders: { [K in RecordKind]: (bytes: Uint8Array) => EvidenceRecord } = {
  start: (bytes) => ({ kind: 'start', value: start.decode(bytes) }),
  span: (bytes) => ({ kind: 'span', value: span.decode(bytes) }),
  game: (bytes) => ({ kind: 'game', value: game.decode(bytes) }),
  answer: (bytes) => ({ kind: 'answer', value: answer.decode(bytes) }),
  close: (bytes) => ({ kind: 'close', value: close.decode(bytes) }),
  score(bytes) {
    const value = score.decode(bytes)
    return { kind: 'score', value: { ...value, phi: value.phi.map(({ uid, phi }) => ({ uid, phi: BigInt.asIntN(64, phi) })) } }
  },
  weights(bytes) {
    const { uids, values, stats } = weights.decode(bytes)
    return { kind: 'weights', value: { uids: Uint16Array.from(uids), values: Uint16Array.from(values), stats } }
  },
}

/** @throws NodeError MESSAGE_MALFORMED on an unknown kind or bytes that are not canonical */
export function decodeRecord(bytes: Uint8Array): EvidenceRecord {
  const kind = recordKinds[bytes[0] ?? 255]
  if (kind === undefined || bytes.length > RECORD_BYTES_MAX) throw new NodeError('MESSAGE_MALFORMED', { what: 'evidence record' })
  const record = decoders[kind](bytes.subarray(1))
  if (record.kind === 'answer' && record.value.status >= answerStatuses.length) {
    throw new NodeError('MESSAGE_MALFORMED', { what: 'status of an answer' })
  }
  return record
}

/** Leaf of record `index`: KDF[record](u32 index ‖ kind ‖ ssz). */
export const recordLeaf = (index: number, record: Uint8Array): Uint8Array => kdf('record', concat(u32le(index), record))

/** Merkle root over leaves, padded with zero leaves to a power of two (nodes of 2.2). No leaf: 32 zero bytes. */
export function evidenceRoot(leaves: readonly Uint8Array[]): Uint8Array {
  let row = [...leaves]
  if (row.length === 0) return new Uint8Array(32)
  let pad: Uint8Array = new Uint8Array(32)
  while (row.length > 1) {
    const next: Uint8Array[] = []
    for (let i = 0; i < row.length; i += 2) next.push(kdf('node', concat(row[i] as Uint8Array, row[i + 1] ?? pad)))
    row = next
    pad = kdf('node', concat(pad, pad))
  }
  return row[0] as Uint8Array
}

/** Request of `data.evidence`: records first..first+count-1 of an epoch, one per Chunk. */
export interface EvidenceRequest {
  epoch: bigint
  first: number
  count: number
}
/** Body of its End: what a replay needs beside the records. All of it is bound by the reveal on the ledger or by record 0. */
export interface EvidenceSummary {
  /** Records of this epoch, and how many of those asked for were sent. */
  total: number
  sent: number
  /** The epoch's seed, which is the salt of the weights' commitment, and that commitment's evidence root. */
  seed: Uint8Array
  root: Uint8Array
  /** Statistics before the first record, encoded; their H is in record 0. */
  statistics: Uint8Array
}
/** Statistics of a full market take less than 128 bytes per neuron. */
export const STATISTICS_BYTES_MAX = 128 * ROW_MAX + 64

const evidenceRequest = sszCodec<EvidenceRequest>('data.evidence', new ContainerType({ epoch: u64, first: u32, count: u32 }))
const evidenceSummary: SszCodec<EvidenceSummary> = sszCodec(
  'answer of data.evidence',
  new ContainerType({ total: u32, sent: u32, seed: B32, root: B32, statistics: new ByteListType(STATISTICS_BYTES_MAX) }),
)
export const encodeEvidenceRequest = (value: EvidenceRequest): Uint8Array => evidenceRequest.encode(value)
export const decodeEvidenceRequest = (bytes: Uint8Array): EvidenceRequest => evidenceRequest.decode(bytes)
export const encodeEvidenceSummary = (value: EvidenceSummary): Uint8Array => evidenceSummary.encode(value)
export const decodeEvidenceSummary = (bytes: Uint8Array): EvidenceSummary => evidenceSummary.decode(bytes)

export const evidenceRule = {
  class: 'registered',
  requestBytesMax: evidenceRequest.bytesMax,
  answerBytesMax: 8 * 1024 * 1024,
} as const satisfies MethodRule
