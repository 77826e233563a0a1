/** What a caller believes of an answer (wire.md 1.2, 1.6): the frames that belong there, and nothing that its signed End does not prove. */
import { createHash } from 'node:crypto'
import { equal } from '../protocol/bytes.ts'
import { NodeError } from '../protocol/errors.ts'
import type { FrameKind } from '../protocol/frame-codec.ts'
import { encode, signingBytes } from '../protocol/frames.ts'
import type { End } from '../protocol/frames.ts'
import type { SignatureCompute } from '../protocol/ports/compute.ts'
import type { Answer } from '../protocol/ports/network.ts'
import { wireCodeOfNumber } from '../protocol/wire-errors.ts'
import { ANSWER_BYTES_DEFAULT, CHUNK_BYTES_MAX, END_BODY_BYTES_MAX, FRAME_OVERHEAD_BYTES } from '../protocol/wire-limits.ts'

/** The longest frame of each kind that an answer may hold. */
export const answerCap = (kind: FrameKind): number => {
  if (kind === 'ack' || kind === 'error') return FRAME_OVERHEAD_BYTES
  if (kind === 'chunk') return CHUNK_BYTES_MAX + FRAME_OVERHEAD_BYTES
  return kind === 'end' ? END_BODY_BYTES_MAX + FRAME_OVERHEAD_BYTES : 0
}

/** Counts and hashes what comes, and holds it against the End. */
export class AnswerReader {
  readonly #request: Uint8Array
  readonly #asked: { receiver: Uint8Array; unsignedEnd: boolean }
  readonly #signature: Pick<SignatureCompute, 'verify'>
  readonly #hash = createHash('sha256')
  readonly #chunks: Uint8Array[] = []
  #bytes = 0

  /** @param request hash of the call, 32 bytes @param asked who must have signed, unless no signature was asked for */
  constructor(request: Uint8Array, asked: { receiver: Uint8Array; unsignedEnd: boolean }, signature: Pick<SignatureCompute, 'verify'>) {
    this.#request = request
    this.#asked = asked
    this.#signature = signature
  }

  /** @throws NodeError WIRE_ANSWER_INVALID */
  take(index: number, data: Uint8Array): Uint8Array {
    if (index !== this.#chunks.length) this.#refuse('chunks are out of order')
    this.#count(data)
    this.#chunks.push(data)
    return data
  }

  #count(data: Uint8Array): void {
    this.#bytes += data.length
    if (this.#bytes > ANSWER_BYTES_DEFAULT) this.#refuse('it is too large')
    this.#hash.update(data)
  }

  /** @param call encoded call that is answered @throws NodeError WIRE_ANSWER_INVALID, or the error that the End states */
  finish({ head, signature, body }: End, call: Uint8Array, roundTripMs: number): Answer {
    this.#count(body)
    const ssz = encode('head', head)
    if (!equal(head.request, this.#request)) this.#refuse('it answers another request')
    if (head.chunks !== this.#chunks.length || head.bytes !== this.#bytes) this.#refuse('its length is not as signed')
    if (!equal(head.root, this.#hash.digest())) this.#refuse('its content is not as signed')
    const isSigned =
      this.#asked.unsignedEnd || this.#signature.verify('sr25519', this.#asked.receiver, signingBytes('head', ssz), signature)
    if (!isSigned) this.#refuse('it is not signed by the receiver')
    if (head.status !== 0)
      throw new NodeError(wireCodeOfNumber(head.status), { detail: `status ${head.status}`, peerClockMs: head.servedAt })
    return { body, chunks: this.#chunks, call, head: ssz, signature, roundTripMs, queueMs: head.queueMs, runMs: head.runMs }
  }

  #refuse(detail: string): never {
    throw new NodeError('WIRE_ANSWER_INVALID', { detail })
  }
}
