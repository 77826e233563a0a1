/** A peer that keeps no rule: it shakes hands properly, or not at all, and then sends whatever bytes a test wants. */
import type { Carrier, CarrierEvents, Connection } from '../../src/network/carrier.ts'
import { FrameStream } from '../../src/network/frame-stream.ts'
import { greet } from '../../src/network/handshake.ts'
import { settingsOf } from '../../src/network/options.ts'
import type { NeuronParts } from '../../src/network/options.ts'
import { utf8 } from '../../src/protocol/bytes.ts'
import { encodeFrame } from '../../src/protocol/frame-codec.ts'
import type { Frame } from '../../src/protocol/frame-codec.ts'
import { encode, signingBytes } from '../../src/protocol/frames.ts'
import type { Auth, Binding, Call } from '../../src/protocol/frames.ts'
import { sha256 } from '../../src/protocol/hash.ts'
import { CALL_PROTOCOL, HELLO_PROTOCOL } from '../../src/protocol/wire-limits.ts'
import { wireCodeOfNumber } from '../../src/protocol/wire-errors.ts'
import type { TestKey } from './network-keys.ts'
import { testGenesis } from './network-parts.ts'

/** Events of a carrier that only dials. */
export const dialsOnly: CarrierEvents = { onConnection: () => undefined, onStream: () => undefined, admits: () => true }

/** What came back: frames, and how it ended. */
export interface RawAnswer {
  frames: Frame[]
  /** Code of the Error frame, if one came. */
  error: string | undefined
  end: 'ended' | 'gone'
}

const settings = (key: TestKey) => settingsOf({ genesis: testGenesis, chainId: 'test', roles: [] }, key.signer)

export async function signedAuth(key: TestKey, peerId: Uint8Array, now: number, change: Partial<Binding> = {}): Promise<Auth> {
  const binding: Binding = {
    genesis: testGenesis,
    hotkey: key.publicKey,
    peerId,
    seq: now,
    notBefore: now,
    expires: now + 86_400_000,
    roles: 1,
    ...change,
  }
  return { bindings: [{ binding, signature: await key.signer.sign(signingBytes('binding', encode('binding', binding))) }] }
}

export class RawPeer {
  readonly connection: Connection
  readonly channel: Uint8Array
  readonly #key: TestKey
  readonly #parts: NeuronParts
  #nonce = 0

  private constructor(connection: Connection, channel: Uint8Array, key: TestKey, parts: NeuronParts) {
    this.connection = connection
    this.channel = channel
    this.#key = key
    this.#parts = parts
  }

  /** Dials and shakes hands under `key`, with `auth` where the proof is to be another. */
  static async connect(carrier: Carrier, addresses: readonly string[], key: TestKey, parts: NeuronParts, auth?: Auth): Promise<RawPeer> {
    const connection = await carrier.dial(addresses, AbortSignal.timeout(5_000))
    const own = auth ?? (await signedAuth(key, connection.localPeer, parts.clock.now()))
    const stream = await connection.open(HELLO_PROTOCOL, AbortSignal.timeout(5_000))
    const frames = new FrameStream(stream, () => 4096, parts.clock)
    const { channel } = await greet(frames, connection, own, settings(key), parts)
    return new RawPeer(connection, channel, key, parts)
  }

  /** A valid call, with changes. */
  header(receiver: Uint8Array, method: string, body: Uint8Array, change: Partial<Call> = {}): Call {
    const now = this.#parts.clock.now()
    return {
      genesis: testGenesis,
      caller: this.#key.publicKey,
      receiver,
      channel: this.channel,
      nonce: ++this.#nonce,
      sentAt: now,
      deadline: now + 5_000,
      netuid: 1,
      flags: 0,
      trace: new Uint8Array(16),
      method: utf8(method),
      bodyLength: body.length,
      bodyHash: sha256(body),
      ...change,
    }
  }

  /** The signature of a header by this peer's key, or by another. */
  async sign(header: Call, key = this.#key): Promise<Uint8Array> {
    return await key.signer.sign(signingBytes('call', encode('call', header)))
  }

  /** Sends a request frame; signed properly unless a signature is given. */
  async request(header: Call, body: Uint8Array, signature?: Uint8Array): Promise<RawAnswer> {
    return await this.send(encodeFrame('request', { header, signature: signature ?? (await this.sign(header)), body }))
  }

  /** Sends bytes on a fresh stream and gathers what comes back until it ends. */
  async send(bytes: Uint8Array, protocol = CALL_PROTOCOL): Promise<RawAnswer> {
    return await sendRaw(this.connection, bytes, this.#parts, protocol)
  }
}

/** Sends bytes on a fresh stream of a connection and gathers what comes back until it ends. */
export async function sendRaw(connection: Connection, bytes: Uint8Array, parts: NeuronParts, protocol = CALL_PROTOCOL): Promise<RawAnswer> {
  const answer: RawAnswer = { frames: [], error: undefined, end: 'ended' }
  try {
    const stream = await connection.open(protocol, AbortSignal.timeout(5_000))
    const frames = new FrameStream(stream, () => 8 * 1024 * 1024, parts.clock)
    frames
      .sendBytes(bytes)
      .then(() => stream.end())
      .catch(() => undefined)
    for (let frame = await frames.next(); frame !== null; frame = await frames.next()) {
      answer.frames.push(frame)
      if (frame.kind === 'error') answer.error = wireCodeOfNumber(frame.value.code)
    }
  } catch {
    answer.end = 'gone'
  }
  return answer
}

/** Resolves when a stream or connection is gone. */
export async function untilGone(gone: AbortSignal): Promise<void> {
  if (!gone.aborted) await new Promise<void>((resolve) => gone.addEventListener('abort', () => resolve(), { once: true }))
}
