/** The callee's half of a call (wire.md 1.4 to 1.6): read, admit, queue, run, answer. Every failure ends in an Error frame or a reset. */
import { createHash } from 'node:crypto'
import { NodeError } from '../protocol/errors.ts'
import { frameOf } from '../protocol/frame-codec.ts'
import type { FrameKind } from '../protocol/frame-codec.ts'
import { encode, signingBytes } from '../protocol/frames.ts'
import type { Head } from '../protocol/frames.ts'
import { CHUNK_BYTES_MAX, END_BODY_BYTES_MAX, FRAME_OVERHEAD_BYTES, OPEN_BODY_BYTES_MAX } from '../protocol/wire-limits.ts'
import { isWireCode } from '../protocol/wire-errors.ts'
import { admit } from './admission.ts'
import type { AdmissionParts, Admitted, Service } from './admission.ts'
import type { ByteStream } from './carrier.ts'
import { errorFrame, penaltyOf } from './error-frame.ts'
import type { FairQueue, Ticket } from './fair-queue.ts'
import { FrameStream } from './frame-stream.ts'
import type { NeuronParts, Settings } from './options.ts'
import type { Session } from './session.ts'
import { after, ticking, unlessAborted } from './time-limit.ts'

/** What a method costs the queue beside its bytes: hashing, signing and the stream. */
const CALL_COST = 1024
/** Ends what a call leaves open, its handler's signal and the rest of its stream. Made once: each call ends so. */
const OVER = new NodeError('WIRE_CANCELLED')

export interface ServingParts extends AdmissionParts, Pick<NeuronParts, 'clock' | 'random' | 'metrics'> {
  queue: FairQueue
  /** Aborts when the network closes. */
  closing: AbortSignal
  /** Adds points to a session's peer. */
  punish(session: Session, points: number): void
}

/** Serves one call stream to its end. Never rejects. */
export async function serveCall(stream: ByteStream, session: Session, settings: Settings, parts: ServingParts): Promise<void> {
  if (session.incoming >= settings.callsInMax) {
    stream.reset(new NodeError('WIRE_BUSY', { retryAfterMs: 0 }))
    return
  }
  const frames = new FrameStream(stream, requestCap(parts.services), parts.clock)
  session.incoming++
  let counted = true
  /** A stream's place is free before its last frame is on the way, so that the caller's next call never finds it taken. */
  const free = (): void => {
    if (counted) session.incoming--
    counted = false
    session.usedAt = parts.clock.monotonic()
  }
  try {
    const admitted = await readRequest(frames, session, settings, parts)
    parts.metrics?.count('network_calls_in', 1, { method: admitted.method, class: admitted.class })
    await run(admitted, session, frames, free, settings, parts)
  } catch (error) {
    free()
    await refuse(error, frames, settings, parts)
  } finally {
    free()
  }
}

/** The largest request that any method takes. */
function requestCap(services: ReadonlyMap<string, Service>): (kind: FrameKind) => number {
  const largest = Math.max(0, ...[...services.values()].map(({ rule }) => rule.requestBytesMax))
  return (kind) => {
    if (kind === 'request') return largest + FRAME_OVERHEAD_BYTES
    return kind === 'open' ? Math.min(largest, OPEN_BODY_BYTES_MAX) + FRAME_OVERHEAD_BYTES : 0
  }
}

async function readRequest(frames: FrameStream, session: Session, settings: Settings, parts: ServingParts): Promise<Admitted> {
  const late = after(parts.clock, settings.requestReadMs, () =>
    frames.bytes.reset(new NodeError('WIRE_DEADLINE', { detail: 'the request did not come' })),
  )
  try {
    const frame = await frames.next()
    if (parts.closing.aborted) throw new NodeError('WIRE_SHUTTING_DOWN')
    return admit(frame, session, settings, parts)
  } catch (error) {
    parts.punish(session, penaltyOf(error))
    throw error
  } finally {
    late.stop()
  }
}

/** Tells the caller why, where the stream still stands. */
async function refuse(error: unknown, frames: FrameStream, settings: Settings, parts: ServingParts): Promise<void> {
  if (frames.bytes.gone.aborted) return
  const frame = errorFrame(error, parts.clock.now())
  parts.metrics?.count('network_calls_refused', 1, { code: String(frame.code) })
  // A caller that takes nothing more is not waited for.
  const late = after(parts.clock, frames.blockedMs > 0 ? 1 : settings.handshakeMs, () =>
    frames.bytes.reset(new NodeError('WIRE_DEADLINE', { detail: 'the caller does not read' })),
  )
  try {
    await frames.send('error', frame)
    await frames.bytes.end()
    // What is still to come of the request is not wanted.
    frames.bytes.reset(OVER)
  } catch {
    // The stream is gone: nobody is left to tell.
  } finally {
    late.stop()
  }
}

/** Queue, handler and End of an admitted request. */
async function run(
  admitted: Admitted,
  session: Session,
  frames: FrameStream,
  free: () => void,
  settings: Settings,
  parts: ServingParts,
): Promise<void> {
  const job = new AbortController()
  const stop = (reason: unknown): void => job.abort(reason)
  const onGone = (): void => stop(OVER)
  const onClosing = (): void => stop(new NodeError('WIRE_SHUTTING_DOWN'))
  frames.bytes.gone.addEventListener('abort', onGone, { once: true })
  parts.closing.addEventListener('abort', onClosing, { once: true })
  if (frames.bytes.gone.aborted) onGone()
  let ticket: Ticket | undefined
  let watch: { stop(): void } | undefined
  try {
    const enteredAt = parts.clock.monotonic()
    const { flow, class: service, access, method, body, deadline } = admitted
    const cost = admitted.service.rule.cost?.(body) ?? CALL_COST + body.length
    ticket = parts.queue.enter({ caller: flow, service, share: access.share, method, cost, bytes: body.length, deadline })
    watch = watchJob(ticket, admitted, frames, stop, settings, parts)
    await unlessAborted(ticket.turn, job.signal)
    const startedAt = parts.clock.monotonic()
    const answer = new AnswerWriter(admitted, frames, job.signal)
    const blame = (error: unknown): void => parts.punish(session, handlerPenalty(error))
    const end = await unlessAborted(callHandler(admitted, answer, job.signal, blame), job.signal)
    ticket.leave()
    const queueMs = startedAt - enteredAt
    const frame = await answer.endFrame(end, { queueMs, runMs: parts.clock.monotonic() - startedAt }, parts)
    free()
    await unlessAborted(frames.sendBytes(frame), job.signal)
    await unlessAborted(frames.bytes.end(), job.signal)
    frames.bytes.gone.removeEventListener('abort', onGone)
    // A caller that never ends its half does not keep the stream.
    frames.bytes.reset(OVER)
  } finally {
    watch?.stop()
    ticket?.leave()
    frames.bytes.gone.removeEventListener('abort', onGone)
    parts.closing.removeEventListener('abort', onClosing)
    if (!job.signal.aborted) job.abort(OVER)
  }
}

async function callHandler(
  admitted: Admitted,
  answer: AnswerWriter,
  signal: AbortSignal,
  blame: (error: unknown) => void,
): Promise<Uint8Array> {
  const { caller, netuid, method, body, deadline, access, service } = admitted
  const chunk = (data: Uint8Array): Promise<void> => answer.chunk(data)
  try {
    return await service.handler({ caller, netuid, method, body, deadline, access, signal, chunk })
  } catch (error) {
    blame(error)
    throw error
  }
}

/** Points for what a handler found wrong with a request; what it passes on from other peers is not this caller's doing. */
const handlerPenalty = (error: unknown): number => (error instanceof NodeError && isWireCode(error.code) ? 0 : penaltyOf(error))

/** Acks while the caller waits, the deadline, and a caller that takes nothing: one timer for all three. */
function watchJob(
  ticket: Ticket,
  admitted: Admitted,
  frames: FrameStream,
  stop: (reason: NodeError) => void,
  settings: Settings,
  parts: ServingParts,
): { stop(): void } {
  let ackAt = parts.clock.monotonic() + settings.ackFirstMs
  const untilNext = (): number => Math.max(1, Math.min(admitted.deadline - parts.clock.now(), ackAt - parts.clock.monotonic()))
  return ticking(parts.clock, untilNext(), () => {
    if (parts.clock.now() >= admitted.deadline) {
      stop(new NodeError('WIRE_DEADLINE', { detail: 'not finished in time' }))
      return 0
    }
    if (frames.blockedMs >= settings.stallMs) {
      frames.bytes.reset(new NodeError('WIRE_DEADLINE', { detail: 'the caller does not read' }))
      return 0
    }
    if (parts.clock.monotonic() >= ackAt) {
      ackAt = parts.clock.monotonic() + settings.ackEveryMs
      const position = Math.min(ticket.position(), 0xffff)
      const etaMs = Math.min(Math.ceil(ticket.etaMs()), 0xffff_ffff)
      if (frames.blockedMs === 0) frames.send('ack', { state: position > 0 ? 0 : 1, position, etaMs }).catch(() => undefined)
    }
    return untilNext()
  })
}

/** Chunks and End of one answer: counted, hashed, capped and signed. */
class AnswerWriter {
  readonly #admitted: Admitted
  readonly #frames: FrameStream
  readonly #signal: AbortSignal
  readonly #hash = createHash('sha256')
  #chunks = 0
  #bytes = 0

  constructor(admitted: Admitted, frames: FrameStream, signal: AbortSignal) {
    this.#admitted = admitted
    this.#frames = frames
    this.#signal = signal
  }

  async chunk(data: Uint8Array): Promise<void> {
    this.#signal.throwIfAborted()
    if (data.length > CHUNK_BYTES_MAX) throw new NodeError('WIRE_INTERNAL', { detail: 'chunk is too large' })
    this.#count(data)
    const index = this.#chunks++
    await unlessAborted(this.#frames.send('chunk', { index, data }), this.#signal)
  }

  #count(data: Uint8Array): void {
    this.#bytes += data.length
    if (this.#bytes > this.#admitted.service.rule.answerBytesMax) throw new NodeError('WIRE_INTERNAL', { detail: 'answer is too large' })
    this.#hash.update(data)
  }

  async endFrame(
    body: Uint8Array,
    took: { queueMs: number; runMs: number },
    parts: Pick<NeuronParts, 'signer' | 'clock'>,
  ): Promise<Uint8Array> {
    if (body.length > END_BODY_BYTES_MAX) throw new NodeError('WIRE_INTERNAL', { detail: 'answer is too large' })
    this.#count(body)
    const head: Head = {
      request: this.#admitted.request,
      status: 0,
      chunks: this.#chunks,
      bytes: this.#bytes,
      root: this.#hash.digest(),
      servedAt: parts.clock.now(),
      queueMs: Math.min(Math.round(took.queueMs), 0xffff_ffff),
      runMs: Math.min(Math.round(took.runMs), 0xffff_ffff),
    }
    const signature = this.#admitted.unsignedEnd ? new Uint8Array(64) : await parts.signer.sign(signingBytes('head', encode('head', head)))
    return frameOf('end', encode('end', { head, signature, body }))
  }
}
