/** The caller's half of a call (wire.md 1.2, 1.6): sign, send, take chunks as they come, and believe nothing that the End does not prove. */
import { utf8 } from '../protocol/bytes.ts'
import { NodeError } from '../protocol/errors.ts'
import { encodeFrame } from '../protocol/frame-codec.ts'
import { encode, signingBytes } from '../protocol/frames.ts'
import { sha256 } from '../protocol/hash.ts'
import type { Answer } from '../protocol/ports/network.ts'
import { CALL_PROTOCOL, FLAG_STREAM, FLAG_UNSIGNED_END } from '../protocol/wire-limits.ts'
import { bodyHash } from './admission.ts'
import { answerCap, AnswerReader } from './answer-reader.ts'
import type { ByteStream } from './carrier.ts'
import { frameError, penaltyOf } from './error-frame.ts'
import { FrameStream } from './frame-stream.ts'
import type { NeuronParts, Settings } from './options.ts'
import type { Session } from './session.ts'
import { ticking } from './time-limit.ts'

export interface Outgoing {
  receiver: Uint8Array
  method: string
  body: Uint8Array
  netuid: number
  /** Unix ms. */
  deadline: number
  wantsStream: boolean
  unsignedEnd: boolean
  anonymous: boolean
  /** Aborts when the caller gave up or the deadline passed, with the NodeError to throw. */
  signal: AbortSignal
}
export interface CallingParts extends Pick<NeuronParts, 'signer' | 'signature' | 'clock' | 'random'> {
  punish(session: Session, points: number): void
}

/**
 * Sends one call and yields each chunk. Leaving the generator early cancels the call at the callee.
 * @throws NodeError the peer's error, WIRE_ANSWER_INVALID, WIRE_UNREACHABLE, or the signal's reason
 */
export async function* callOver(
  session: Session,
  stream: ByteStream,
  out: Outgoing,
  settings: Settings,
  parts: CallingParts,
): AsyncGenerator<Uint8Array, Answer> {
  const onAbort = (): void => stream.reset(out.signal.reason)
  out.signal.addEventListener('abort', onAbort, { once: true })
  const frames = new FrameStream(stream, answerCap, parts.clock)
  const silence = watchSilence(frames, session, settings.silentMs, parts)
  let isWhole = false
  try {
    if (out.signal.aborted) throw out.signal.reason
    const request = await requestOf(session, out, parts)
    const sentAt = parts.clock.monotonic()
    // Not awaited: a callee that refuses a long request answers before it has taken all of it.
    frames
      .sendBytes(request.frame)
      .then(() => stream.end())
      .catch(() => undefined)
    const answer = new AnswerReader(request.hash, out, parts.signature)
    for (;;) {
      const frame = await frames.next()
      if (frame === null) throw new NodeError('WIRE_ANSWER_INVALID', { detail: 'it ends without an End' })
      if (frame.kind === 'error') throw frameError(frame.value)
      if (frame.kind === 'chunk') yield answer.take(frame.value.index, frame.value.data)
      if (frame.kind !== 'end') continue
      const whole = answer.finish(frame.value, request.ssz, parts.clock.monotonic() - sentAt)
      isWhole = true
      return whole
    }
  } catch (error) {
    if (out.signal.aborted) throw out.signal.reason
    parts.punish(session, penaltyOf(error))
    throw error
  } finally {
    silence.stop()
    out.signal.removeEventListener('abort', onAbort)
    if (!isWhole) stream.reset(new NodeError('WIRE_CANCELLED'))
  }
}

/**
 * Gives up on a callee from which nothing comes; a consumer that does not ask for more is not the callee's fault. Where
 * no other call ended meanwhile the connection is taken for dead, so that the next call dials.
 */
function watchSilence(frames: FrameStream, session: Session, silentMs: number, parts: CallingParts): { stop(): void } {
  const startedAt = parts.clock.monotonic()
  return ticking(parts.clock, silentMs, () => {
    const left = silentMs - Math.max(frames.waitingMs, frames.blockedMs)
    if (left > 0) return left
    frames.bytes.reset(new NodeError('WIRE_UNREACHABLE', { detail: `silent for ${silentMs} ms` }))
    if (session.usedAt <= startedAt) void session.connection.close()
    return 0
  })
}

async function requestOf(
  session: Session,
  out: Outgoing,
  parts: CallingParts,
): Promise<{ frame: Uint8Array; ssz: Uint8Array; hash: Uint8Array }> {
  const { channel } = session
  const { deadline, body } = out
  const trace = parts.random.bytes(16)
  const method = utf8(out.method)
  if (out.anonymous) {
    const open = { channel, deadline, trace, method, body }
    const ssz = encode('open', open)
    return { frame: encodeFrame('open', open), ssz, hash: sha256(ssz) }
  }
  const header = {
    genesis: session.hello.genesis,
    caller: parts.signer.publicKey,
    receiver: out.receiver,
    channel,
    nonce: ++session.nonce,
    sentAt: parts.clock.now(),
    deadline,
    netuid: out.netuid,
    flags: (out.wantsStream ? FLAG_STREAM : 0) | (out.unsignedEnd ? FLAG_UNSIGNED_END : 0),
    trace,
    method,
    bodyLength: body.length,
    bodyHash: bodyHash(body),
  }
  const ssz = encode('call', header)
  const signature = await parts.signer.sign(signingBytes('call', ssz))
  return { frame: encodeFrame('request', { header, signature, body }), ssz, hash: sha256(ssz) }
}

/** Opens a call stream, no longer than the call may last. */
export const openCall = (session: Session, signal: AbortSignal): Promise<ByteStream> => session.connection.open(CALL_PROTOCOL, signal)
