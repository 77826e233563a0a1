/** Open SERVE streams (mixture.md 2.4, 2.6): rewind, append, answer NTDs, and draft bytes where asked. */
import { toHex } from '../../protocol/bytes.ts'
import { drawByte, drawsOfStream } from '../../protocol/draft-draws.ts'
import { NodeError } from '../../protocol/errors.ts'
import { NTD_LISTED_MAX } from '../../protocol/expert-messages.ts'
import type { ServeAnswer, ServeRequest } from '../../protocol/expert-messages.ts'
import { LEAF_BYTES } from '../../protocol/ports/compute.ts'
import type { MixtureCompute } from '../../protocol/ports/compute.ts'
import type { Expert, ExpertStream } from '../../protocol/ports/expert.ts'
import type { Clock } from '../../protocol/ports/platform.ts'
import type { Workload } from '../workload.ts'

/** Text of one stream: more than any model here looks back, and a bound on what it may keep. */
export const STREAM_BYTES_MAX = 65_536
/**
 * Mass listed in an NTD of SERVE. With up to 64 bytes listed 0.99 costs 0.05 bits/byte less than 0.95 (mixture.md 2.3)
 * and still stays below the 130 bytes of 2.4.
 */
const SERVE_TOP_P = 0.99

interface Open {
  caller: string
  stream: ExpertStream
  length: number
  usedAt: number
  /** Calls of one stream go one after the other. */
  last: Promise<unknown>
  running: number
}
export interface StreamBookOptions {
  perCallerMax: number
  streamsMax: number
  idleMs: number
}
export interface StreamBookParts {
  expert: Pick<Expert, 'open'>
  mixture: Pick<MixtureCompute, 'ntdEncode' | 'decode'>
  workload: Workload
  clock: Pick<Clock, 'monotonic'>
}

export class StreamBook {
  readonly #options: StreamBookOptions
  readonly #parts: StreamBookParts
  readonly #streams = new Map<string, Open>()

  constructor(options: StreamBookOptions, parts: StreamBookParts) {
    this.#options = options
    this.#parts = parts
  }

  get size(): number {
    return this.#streams.size
  }

  /** @throws NodeError MINER_STREAM_UNKNOWN, MINER_STREAM_POSITION, MINER_STREAM_FULL, MESSAGE_MALFORMED, WIRE_BUSY when all places are in use */
  async serve(caller: Uint8Array, request: ServeRequest, signal: AbortSignal): Promise<ServeAnswer> {
    const key = `${toHex(caller)}:${request.stream}`
    const open = this.#streams.get(key) ?? this.#begin(key, toHex(caller), request)
    open.running += 1
    const turn = open.last.then(async () => {
      signal.throwIfAborted()
      return await this.#parts.workload.serve(async () => await this.#extend(open, request, signal))
    })
    open.last = turn.catch(() => undefined)
    try {
      return await turn
    } finally {
      open.running -= 1
      open.usedAt = this.#parts.clock.monotonic()
    }
  }

  /** Drops streams that were idle for too long. */
  sweep(): void {
    const before = this.#parts.clock.monotonic() - this.#options.idleMs
    for (const [key, open] of this.#streams) if (open.running === 0 && open.usedAt < before) this.#drop(key, open)
  }

  close(): void {
    for (const [key, open] of this.#streams) this.#drop(key, open)
  }

  #begin(key: string, caller: string, request: ServeRequest): Open {
    if (request.position !== 0) throw new NodeError('MINER_STREAM_UNKNOWN', { stream: request.stream })
    const own = [...this.#streams].filter(([, open]) => open.caller === caller)
    if (own.length >= this.#options.perCallerMax) this.#dropOldest(own)
    if (this.#streams.size >= this.#options.streamsMax) this.#dropOldest([...this.#streams])
    const open = {
      caller,
      stream: this.#parts.expert.open(),
      length: 0,
      usedAt: this.#parts.clock.monotonic(),
      last: Promise.resolve(),
      running: 0,
    }
    this.#streams.set(key, open)
    return open
  }

  #dropOldest(streams: [string, Open][]): void {
    const idle = streams.filter(([, open]) => open.running === 0)
    const [oldest, ...others] = idle
    if (oldest === undefined) throw new NodeError('WIRE_BUSY', { retryAfterMs: 1_000 })
    this.#drop(...others.reduce((first, other) => (other[1].usedAt < first[1].usedAt ? other : first), oldest))
  }

  #drop(key: string, open: Open): void {
    this.#streams.delete(key)
    open.stream.close()
  }

  async #extend(open: Open, request: ServeRequest, signal: AbortSignal): Promise<ServeAnswer> {
    const { position, append, want, draft } = request
    if (position > open.length) {
      throw new NodeError('MINER_STREAM_POSITION', { stream: request.stream, length: open.length, position })
    }
    const end = position + append.length
    if (end + draft > STREAM_BYTES_MAX) throw new NodeError('MINER_STREAM_FULL', { limit: STREAM_BYTES_MAX })
    if (want > end + 1) throw new NodeError('MESSAGE_MALFORMED', { what: 'more positions wanted than the text has' })
    // Until the stream has answered nothing beyond the rewound text is sure.
    open.length = position
    const leaves = new Uint8Array((want + draft) * LEAF_BYTES)
    leaves.set(await open.stream.extend(position, append, want))
    open.length = end
    const drafted = await this.#draft(open, request, leaves, signal)
    return { drafted, ntds: this.#parts.mixture.ntdEncode(leaves, SERVE_TOP_P, NTD_LISTED_MAX) }
  }

  /** Extends the stream by its own draws, filling `leaves` behind the wanted ones. */
  async #draft(open: Open, { stream, want, draft }: ServeRequest, leaves: Uint8Array, signal: AbortSignal): Promise<Uint8Array> {
    const draws = drawsOfStream(stream)
    const drafted = new Uint8Array(draft)
    for (let d = 0; d < draft; d++) {
      signal.throwIfAborted()
      const at = (want - 1 + d) * LEAF_BYTES
      const byte = drawByte(this.#parts.mixture.decode(leaves.subarray(at, at + LEAF_BYTES)), draws, open.length)
      drafted[d] = byte
      leaves.set(await open.stream.extend(open.length, Uint8Array.of(byte), 1), at + LEAF_BYTES)
      open.length += 1
    }
    return drafted
  }
}
