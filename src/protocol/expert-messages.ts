/**
 * Bodies of the `expert.*` methods (mixture.md 2.2, 2.4, 2.6) and the rules under which they are served. Decoders take
 * only the canonical bytes of a legal message; what depends on the query (how many claims, which positions) is checked
 * by `decodeReveal` against what was asked.
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
import { NodeError } from './errors.ts'
import type { ModelClass } from './ports/expert.ts'
import type { MethodRule } from './ports/network.ts'
import { sszCodec } from './ssz-codec.ts'

/** Legal lengths of a scored span in bytes (`sequence_length`). */
export const SEQUENCE_LENGTHS: readonly number[] = [64, 256, 1024, 4096]
export const FILLER_BYTES_MAX = 64
export const SPAN_BYTES_MAX = 4_095
export const OPENINGS_MAX = 16
/** Depth of the tree over 4,095 leaves. */
export const PATH_DEPTH_MAX = 12
/** SERVE: bytes appended by one call, positions answered by it (wanted and drafted together). */
export const APPEND_BYTES_MAX = 1_024
export const SERVE_POSITIONS_MAX = 64
/** PREDICT: a span of 4,096 and its filler. An NTD lists at most 64 bytes and takes 2 + 2n bytes. */
export const PREDICT_CONTEXT_BYTES_MAX = 4_160
export const NTD_LISTED_MAX = 64
export const NTD_BYTES_MAX = 2 + 2 * NTD_LISTED_MAX

const u8 = new UintNumberType(1)
const u16 = new UintNumberType(2)
const u32 = new UintNumberType(4)
const u64 = new UintBigintType(8)
const B16 = new ByteVectorType(16)
const B32 = new ByteVectorType(32)
const leafType = new ByteVectorType(256)

export const modelClasses: readonly ModelClass[] = ['nano', 'micro', 'small', 'base', 'other']
/** Bits of `modalities`. */
export const MODALITY_COMPLETION = 1

/** Answer of `expert.describe`; its request body is empty. */
export interface Description {
  root: Uint8Array
  /** 0 nano .. 3 base, 4 other: index into `modelClasses`. */
  class: number
  modalities: number
  maxLength: number
  /** Bytes per second. */
  rate: number
  uplink: number
}
/** Request of `expert.claim`: `span` holds the T-1 bytes before the sealed one. */
export interface Query {
  queryId: Uint8Array
  length: number
  filler: Uint8Array
  span: Uint8Array
}
export interface Commit {
  queryId: Uint8Array
  commit: Uint8Array
}
/** Request of `expert.reveal`. */
export interface Challenge {
  queryId: Uint8Array
  height: bigint
  positions: readonly number[]
}
export interface Opening {
  position: number
  leaf: Uint8Array
  path: Uint8Array[]
}
export interface Reveal {
  queryId: Uint8Array
  root: Uint8Array
  salt: Uint8Array
  lastLeaf: Uint8Array
  claims: Uint16Array
  openings: Opening[]
}
export interface ServeRequest {
  stream: bigint
  /** Rewind to here, then append. */
  position: number
  append: Uint8Array
  want: number
  draft: number
}
export interface ServeAnswer {
  drafted: Uint8Array
  ntds: Uint8Array
}
export interface PredictRequest {
  context: Uint8Array
  from: number
  /** top_p = value / 65535. */
  topP: number
  nMax: number
}

const description = sszCodec<Description>(
  'expert.describe',
  new ContainerType({ root: B32, class: u8, modalities: u8, maxLength: u16, rate: u32, uplink: u32 }),
)
const query = sszCodec<Query>(
  'expert.claim',
  new ContainerType({
    queryId: B16,
    length: u16,
    filler: new ByteListType(FILLER_BYTES_MAX),
    span: new ByteListType(SPAN_BYTES_MAX),
  }),
)
const commit = sszCodec<Commit>('Commit', new ContainerType({ queryId: B16, commit: B32 }))
const challengeType = new ContainerType({ queryId: B16, height: u64, positions: new ListBasicType(u16, OPENINGS_MAX) })
const challenge = sszCodec<{ queryId: Uint8Array; height: bigint; positions: number[] }>('expert.reveal', challengeType)
const openingType = new ContainerType({ position: u16, leaf: leafType, path: new ListCompositeType(B32, PATH_DEPTH_MAX) })
const reveal = sszCodec<Omit<Reveal, 'claims'> & { claims: number[] }>(
  'Reveal',
  new ContainerType({
    queryId: B16,
    root: B32,
    salt: B32,
    lastLeaf: leafType,
    claims: new ListBasicType(u16, SPAN_BYTES_MAX),
    openings: new ListCompositeType(openingType, OPENINGS_MAX),
  }),
)
const serveRequest = sszCodec<ServeRequest>(
  'expert.serve',
  new ContainerType({ stream: u64, position: u32, append: new ByteListType(APPEND_BYTES_MAX), want: u8, draft: u8 }),
)
const serveAnswer = sszCodec<ServeAnswer>(
  'answer of expert.serve',
  new ContainerType({
    drafted: new ByteListType(SERVE_POSITIONS_MAX),
    ntds: new ByteListType((SERVE_POSITIONS_MAX + 1) * NTD_BYTES_MAX),
  }),
)
const predictRequest = sszCodec<PredictRequest>(
  'expert.predict',
  new ContainerType({ context: new ByteListType(PREDICT_CONTEXT_BYTES_MAX), from: u16, topP: u16, nMax: u8 }),
)
const predictAnswer = sszCodec<Uint8Array>('answer of expert.predict', new ByteListType((PREDICT_CONTEXT_BYTES_MAX + 1) * NTD_BYTES_MAX))

function demand(holds: boolean, what: string): void {
  if (!holds) throw new NodeError('MESSAGE_MALFORMED', { what })
}

export const encodeDescription = (value: Description): Uint8Array => description.encode(value)
export function decodeDescription(bytes: Uint8Array): Description {
  const value = description.decode(bytes)
  demand(value.class < modelClasses.length, 'model class')
  demand((value.modalities & ~7) === 0, 'modalities')
  return value
}

export const encodeQuery = (value: Query): Uint8Array => query.encode(value)
export function decodeQuery(bytes: Uint8Array): Query {
  const value = query.decode(bytes)
  demand(SEQUENCE_LENGTHS.includes(value.length), 'sequence length')
  demand(value.span.length === value.length - 1, 'length of the span')
  return value
}

export const encodeCommit = (value: Commit): Uint8Array => commit.encode(value)
export const decodeCommit = (bytes: Uint8Array): Commit => commit.decode(bytes)

export const encodeChallenge = (value: Challenge): Uint8Array => challenge.encode({ ...value, positions: [...value.positions] })
/** Positions are at least one and differ from each other; that they lie inside the span is for who knows its length. */
export function decodeChallenge(bytes: Uint8Array): Challenge {
  const value = challenge.decode(bytes)
  demand(value.positions.length > 0 && new Set(value.positions).size === value.positions.length, 'positions')
  return value
}

export const encodeReveal = (value: Reveal): Uint8Array => reveal.encode({ ...value, claims: Array.from(value.claims) })
/** @param asked the query's sequence length and the challenge's positions: any other count or order is malformed */
export function decodeReveal(bytes: Uint8Array, asked: { length: number; positions: readonly number[] }): Reveal {
  const value = reveal.decode(bytes)
  const depth = pathDepth(asked.length)
  demand(value.claims.length === asked.length - 1, 'count of claims')
  demand(value.openings.length === asked.positions.length, 'count of openings')
  for (const [i, opening] of value.openings.entries()) {
    demand(opening.position === asked.positions[i], 'opened position')
    demand(opening.path.length === depth, 'length of a path')
  }
  return { ...value, claims: Uint16Array.from(value.claims) }
}
/** Depth of the tree over the T-1 leaves of a span of `length` bytes. */
export const pathDepth = (length: number): number => Math.ceil(Math.log2(length - 1))

export const encodeServeRequest = (value: ServeRequest): Uint8Array => serveRequest.encode(value)
export function decodeServeRequest(bytes: Uint8Array): ServeRequest {
  const value = serveRequest.decode(bytes)
  demand(value.want >= 1 && value.want + value.draft <= SERVE_POSITIONS_MAX, 'positions wanted')
  return value
}
export const encodeServeAnswer = (value: ServeAnswer): Uint8Array => serveAnswer.encode(value)
export const decodeServeAnswer = (bytes: Uint8Array): ServeAnswer => serveAnswer.decode(bytes)

export const encodePredictRequest = (value: PredictRequest): Uint8Array => predictRequest.encode(value)
export function decodePredictRequest(bytes: Uint8Array): PredictRequest {
  const value = predictRequest.decode(bytes)
  demand(value.from <= value.context.length, 'first position')
  demand(value.topP > 0, 'top_p')
  demand(value.nMax >= 1 && value.nMax <= NTD_LISTED_MAX, 'n_max')
  return value
}
export const encodePredictAnswer = (ntds: Uint8Array): Uint8Array => predictAnswer.encode(ntds)

const u16At = (body: Uint8Array, at: number): number => (body[at] ?? 0) | ((body[at + 1] ?? 0) << 8)

/**
 * Who may call what, and how large it may be (2.6). A cost is the positions that the request makes the model compute,
 * from its bytes alone; the model's size is the same for every method of one miner, so it would scale all alike.
 */
export const expertRules = {
  'expert.describe': { class: 'registered', requestBytesMax: 0, answerBytesMax: description.bytesMax, cost: () => 1 },
  'expert.claim': {
    class: 'permit',
    requestBytesMax: query.bytesMax,
    answerBytesMax: commit.bytesMax,
    cost: (body) => Math.max(1, u16At(body, 16)),
  },
  'expert.reveal': { class: 'permit', requestBytesMax: challenge.bytesMax, answerBytesMax: reveal.bytesMax, cost: () => 1 },
  'expert.predict': {
    class: 'registered',
    requestBytesMax: predictRequest.bytesMax,
    answerBytesMax: predictAnswer.bytesMax,
    cost: (body) => Math.max(1, body.length),
  },
  'expert.serve': {
    class: 'admitted',
    requestBytesMax: serveRequest.bytesMax,
    answerBytesMax: serveAnswer.bytesMax,
    cost: (body) => Math.max(1, body.length),
  },
} as const satisfies Record<string, MethodRule>
export type ExpertMethod = keyof typeof expertRules
