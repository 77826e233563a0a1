/** One expert along one completion: its SERVE stream, its distributions ahead, and its losses so far. */
import { NodeError } from '../../protocol/errors.ts'
import { decodeServeAnswer, encodeServeRequest, SERVE_POSITIONS_MAX } from '../../protocol/expert-messages.ts'
import { LEAF_BYTES } from '../../protocol/ports/compute.ts'
import type { MixtureCompute } from '../../protocol/ports/compute.ts'
import type { Network } from '../../protocol/ports/network.ts'
import { FadingLoss } from '../../scoring/serving-posterior.ts'
import type { Peer } from './directory.ts'
import type { FallbackTrack } from './fallback-track.ts'
import type { Text } from './text.ts'

export interface PeerStreamOptions {
  netuid: number
  /** Names the stream at the peer and tells it how to draft (protocol/draft-draws.ts). */
  stream: bigint
  deadlineMs: number
}
export interface PeerStreamParts {
  network: Pick<Network, 'call'>
  mixture: Pick<MixtureCompute, 'ntdDecode'>
}
/** An answer that waits for the fallback's leaves before it can be decoded. */
export interface PeerAnswer {
  drafted: Uint8Array
  /** Position of the first NTD. */
  first: number
  ntds: Uint8Array
  count: number
}

export class PeerStream {
  readonly peer: Peer
  readonly loss = new FadingLoss()
  /** Sum of its shares in the answered bytes. */
  carried = 0
  readonly #options: PeerStreamOptions
  readonly #parts: PeerStreamParts
  /** Distributions at positions ahead that agree with the text and its draft. */
  readonly #rows = new Map<number, Float64Array>()
  /** Bytes of the text that the peer's stream holds. */
  #agreed = 0
  /** Positions below this have entered the loss, or are too far back to matter. */
  #scored = 0

  constructor(peer: Peer, options: PeerStreamOptions, parts: PeerStreamParts) {
    this.peer = peer
    this.#options = options
    this.#parts = parts
  }

  /** Asks for the distributions up to the end of the text and its draft, and for `draft` bytes more. @throws NodeError WIRE_* */
  async ask(text: Text, draft: number, signal: AbortSignal): Promise<PeerAnswer> {
    const { end } = text
    const want = Math.min(end - this.#scored + 1, SERVE_POSITIONS_MAX - draft)
    const position = this.#agreed
    const append = text.slice(position, end)
    const { netuid, stream, deadlineMs } = this.#options
    const body = encodeServeRequest({ stream, position, append, want, draft })
    const answer = await this.#parts.network.call(this.peer.target, 'expert.serve', body, {
      netuid,
      deadlineMs,
      signal,
      unsignedEnd: true,
    })
    const { drafted, ntds } = decodeServeAnswer(answer.body)
    if (drafted.length > draft) throw new NodeError('MESSAGE_MALFORMED', { what: 'more drafted bytes than asked for' })
    this.#agreed = end + drafted.length
    return { drafted, ntds, first: end - want + 1, count: want + drafted.length }
  }

  /** Decodes an answer of `ask`; the fallback must have reached its last position. @throws NodeError MIXTURE_NTD_MALFORMED */
  take(answer: PeerAnswer, text: Text, fallback: FallbackTrack): void {
    const { first, count, ntds } = answer
    const probabilities = this.#parts.mixture.ntdDecode(ntds, fallback.leaves(first, first + count - 1))
    for (let i = 0; i < count; i++) {
      const position = first + i
      const row = probabilities.subarray(i * LEAF_BYTES, (i + 1) * LEAF_BYTES)
      if (position >= text.length) this.#rows.set(position, row)
      else if (position >= this.#scored) this.loss.add(row[text.at(position)] ?? 0)
    }
    this.#scored = Math.max(this.#scored, text.length)
  }

  /** Bytes of the text that the peer has not seen. */
  behind(text: Text): number {
    return text.length - this.#agreed
  }

  row(position: number): Float64Array | undefined {
    return this.#rows.get(position)
  }

  /** A byte has become sure: counts its loss, and forgets what followed another byte. */
  settle(position: number, byte: number, foreseen: boolean): void {
    const row = this.#rows.get(position)
    if (row !== undefined && this.#scored === position) {
      this.loss.add(row[byte] ?? 0)
      this.#scored = position + 1
    }
    this.#rows.delete(position)
    if (foreseen) return
    this.#agreed = Math.min(this.#agreed, position)
    this.#rows.clear()
  }
}
