/**
 * What neurons say to each other (wire.md 1.2): SSZ containers of the hello and call streams, the hashes over them and
 * the bytes that a hotkey signs. Encoding is canonical: whatever does not re-encode to the same bytes is malformed.
 */
import { ByteListType, ByteVectorType, ContainerType, ListCompositeType, UintBigintType, UintNumberType } from '@chainsafe/ssz'
import type { CompositeType, ValueOf } from '@chainsafe/ssz'
import { concat, utf8 } from './bytes.ts'
import { NodeError } from './errors.ts'
import { sha256 } from './hash.ts'
import { BINDINGS_MAX, CHUNK_BYTES_MAX, END_BODY_BYTES_MAX, OPEN_BODY_BYTES_MAX, REQUEST_BYTES_MAX } from './wire-limits.ts'

const u8 = new UintNumberType(1)
const u16 = new UintNumberType(2)
const u32 = new UintNumberType(4)
/** Times and counters: what is no safe integer does not survive re-encoding, or is refused by its range. */
const u64 = new UintNumberType(8)
const B16 = new ByteVectorType(16)
const B32 = new ByteVectorType(32)
const B64 = new ByteVectorType(64)

const helloType = new ContainerType({
  minorMin: u16,
  minorMax: u16,
  features: new UintBigintType(8),
  genesis: B32,
  chainId: new ByteListType(32),
  random: B32,
  clock: u64,
  headHeight: u64,
  headHash: B32,
  maxFrame: u32,
  maxStreams: u16,
  agent: new ByteListType(64),
})
const bindingType = new ContainerType({
  genesis: B32,
  hotkey: B32,
  peerId: new ByteListType(64),
  seq: u64,
  notBefore: u64,
  expires: u64,
  roles: u16,
})
const authType = new ContainerType({
  bindings: new ListCompositeType(new ContainerType({ binding: bindingType, signature: B64 }), BINDINGS_MAX),
})
const callType = new ContainerType({
  genesis: B32,
  caller: B32,
  receiver: B32,
  channel: B32,
  nonce: u64,
  sentAt: u64,
  deadline: u64,
  netuid: u16,
  flags: u16,
  trace: B16,
  method: new ByteListType(48),
  bodyLength: u32,
  bodyHash: B32,
})
const requestType = new ContainerType({ header: callType, signature: B64, body: new ByteListType(REQUEST_BYTES_MAX) })
const openType = new ContainerType({
  channel: B32,
  deadline: u64,
  trace: B16,
  method: new ByteListType(48),
  body: new ByteListType(OPEN_BODY_BYTES_MAX),
})
const ackType = new ContainerType({ state: u8, position: u16, etaMs: u32 })
const chunkType = new ContainerType({ index: u32, data: new ByteListType(CHUNK_BYTES_MAX) })
const headType = new ContainerType({
  request: B32,
  status: u16,
  chunks: u32,
  bytes: u64,
  root: B32,
  servedAt: u64,
  queueMs: u32,
  runMs: u32,
})
const endType = new ContainerType({ head: headType, signature: B64, body: new ByteListType(END_BODY_BYTES_MAX) })
const errorType = new ContainerType({ code: u16, retryAfterMs: u32, clock: u64, detail: new ByteListType(256) })

export type Hello = ValueOf<typeof helloType>
export type Binding = ValueOf<typeof bindingType>
export type Auth = ValueOf<typeof authType>
export type Call = ValueOf<typeof callType>
export type Request = ValueOf<typeof requestType>
export type Open = ValueOf<typeof openType>
/** `state` 0 queued, 1 running. */
export type Ack = ValueOf<typeof ackType>
export type Chunk = ValueOf<typeof chunkType>
export type Head = ValueOf<typeof headType>
export type End = ValueOf<typeof endType>
export type WireError = ValueOf<typeof errorType>

/** Everything that has a canonical encoding here, by name. */
export interface Containers {
  hello: Hello
  binding: Binding
  auth: Auth
  call: Call
  request: Request
  open: Open
  ack: Ack
  chunk: Chunk
  head: Head
  end: End
  error: WireError
}
// The library's own type parameters differ per container; a table of them by name needs one common face.
const types: { [K in keyof Containers]: Pick<CompositeType<Containers[K], unknown, unknown>, 'serialize' | 'deserialize'> } = {
  hello: helloType,
  binding: bindingType,
  auth: authType,
  call: callType,
  request: requestType,
  open: openType,
  ack: ackType,
  chunk: chunkType,
  head: headType,
  end: endType,
  error: errorType,
}

/** Canonical SSZ bytes. Values must keep their own limits. */
export const encode = <K extends keyof Containers>(kind: K, value: Containers[K]): Uint8Array => types[kind].serialize(value)

/** The value of canonical SSZ bytes. @throws NodeError WIRE_MALFORMED for anything else */
export function decode<K extends keyof Containers>(kind: K, bytes: Uint8Array): Containers[K] {
  let value: Containers[K]
  try {
    value = types[kind].deserialize(bytes)
  } catch (cause) {
    throw new NodeError('WIRE_MALFORMED', { detail: `not a ${kind}` }, { cause })
  }
  if (Buffer.compare(types[kind].serialize(value), bytes) !== 0)
    throw new NodeError('WIRE_MALFORMED', { detail: `${kind} is not canonical` })
  return value
}

/** H(ssz(value)), 32 bytes. */
export const hashOf = <K extends keyof Containers>(kind: K, value: Containers[K]): Uint8Array => sha256(encode(kind, value))

/** What each signed container's signature begins with, so that none can pass for another or for a transaction. */
const tags = { binding: 'taumesh:bind:1', call: 'taumesh:call:1', head: 'taumesh:resp:1' } as const

/** ascii(tag) ‖ 00 ‖ H(ssz): what a hotkey signs (sr25519, context `substrate`). Takes the encoding, which evidence keeps. */
export const signingBytes = (kind: keyof typeof tags, ssz: Uint8Array): Uint8Array => concat(utf8(tags[kind]), ZERO, sha256(ssz))
const ZERO = Uint8Array.of(0)

/** The name of one connection: both sides put fresh random bytes in their hello, so that no signed call fits another (1.3). */
export const channelOf = (
  dialer: { hello: Uint8Array; peerId: Uint8Array },
  listener: { hello: Uint8Array; peerId: Uint8Array },
): Uint8Array =>
  sha256(concat(utf8('taumesh:chan:1'), ZERO, sha256(dialer.hello), sha256(listener.hello), sha256(dialer.peerId), sha256(listener.peerId)))

/** Schnorrkel accepts any message under the all-zero key: it is no key wherever one is read. */
export const isZero = (bytes: Uint8Array): boolean => bytes.every((byte) => byte === 0)
