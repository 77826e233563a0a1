/** Calls between neurons (wire.md 1): one instance per neuron, bound to its hotkey. libp2p, or memory for tests and lab. */
import type { Hex } from '../bytes.ts'

/** Who may call a method: anyone; registered in the market; admitted by stake; holder of a validator permit. Allow-listed hotkeys pass all. */
export type MethodClass = 'open' | 'registered' | 'admitted' | 'permit'

/** What the ledger says of a key in a market (ledger.md, Access); `share` in 0..1. */
export interface Access {
  registered: boolean
  permit: boolean
  admitted: boolean
  share: number
}
/** Synchronous membership function, rebuilt by `node` at each epoch. */
export type AccessTable = (netuid: number, hotkey: Hex) => Access

export interface PeerTarget {
  hotkey: Uint8Array
  /** Multiaddresses, ip literal + tcp (memory network: `/memory/<name>`). */
  addresses: readonly string[]
}
export interface CallOptions {
  netuid: number
  /** How long the caller waits, dialling included: 1 to 120 000 ms from now. */
  deadlineMs: number
  signal?: AbortSignal | undefined
  /** Accept an End without signature (never for scoring). Default false. */
  unsignedEnd?: boolean
  /** Call an `open` method without a key: the callee sees no caller. Default false. */
  anonymous?: boolean
}
/** The signed end of an answer; `head` and `signature` are evidence (SSZ Head and the callee's signature over it). */
export interface Answer {
  body: Uint8Array
  chunks: Uint8Array[]
  call: Uint8Array
  head: Uint8Array
  signature: Uint8Array
  /** Milliseconds from send to the last byte, and as the callee says. */
  roundTripMs: number
  queueMs: number
  runMs: number
}
export interface IncomingCall {
  caller: Uint8Array | null
  netuid: number
  method: string
  body: Uint8Array
  deadline: number
  access: Access
  /** Aborts when the caller cancels, the connection ends or the deadline passes. */
  signal: AbortSignal
  /** Sends one item of a stream answer; resolves when the stream takes more. */
  chunk(data: Uint8Array): Promise<void>
}
/** Returns the End's body. A thrown `NodeError` becomes the wire error of its code; anything else `internal`. */
export type Handler = (call: IncomingCall) => Promise<Uint8Array>
export interface MethodRule {
  class: MethodClass
  /** Cap of the request body and of the whole answer, in bytes. */
  requestBytesMax: number
  answerBytesMax: number
  /** Cost for the fair queue, from the request alone. Default: body bytes. */
  cost?: (body: Uint8Array) => number
}
export interface Network {
  /** This neuron's own dialable addresses. */
  addresses(): string[]
  /** @throws NodeError WIRE_* with the peer's error, WIRE_DEADLINE, WIRE_UNREACHABLE */
  call(peer: PeerTarget, method: string, body: Uint8Array, options: CallOptions): Promise<Answer>
  /** The same, yielding each chunk as it comes; the generator's return value is the verified Answer. */
  stream(peer: PeerTarget, method: string, body: Uint8Array, options: CallOptions): AsyncGenerator<Uint8Array, Answer>
  serve(method: string, rule: MethodRule, handler: Handler): void
  /** Gossip (wire.md 2); the local network has one process and needs none yet. */
  close(): Promise<void>
}
