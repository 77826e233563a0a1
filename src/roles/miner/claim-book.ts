/** Answers of CLAIM and REVEAL (mixture.md 2.2, 6.1): commits to all leaves of a query, keeps them, opens the ones asked for. */
import { toHex } from '../../protocol/bytes.ts'
import type { Hex } from '../../protocol/bytes.ts'
import { NodeError } from '../../protocol/errors.ts'
import type { Challenge, Commit, Query, Reveal } from '../../protocol/expert-messages.ts'
import { LEAF_BYTES } from '../../protocol/ports/compute.ts'
import type { MixtureCompute } from '../../protocol/ports/compute.ts'
import type { Random } from '../../protocol/ports/platform.ts'
import type { Batcher } from './batcher.ts'

/** Of the memory for leaves, what one caller may fill: no validator can push out all others' queries. */
const CALLER_SHARE = 0.25

interface Kept {
  caller: Hex
  /** Leaves of the T positions, T·256 bytes. */
  leaves: Uint8Array
  claims: Uint16Array
  salt: Uint8Array
  root: Uint8Array
  commit: Uint8Array
  height: number
  /** What was opened, so that a repeated challenge gets the same and no other leaves. */
  opened: string | null
}
export interface ClaimBookOptions {
  hotkey: Uint8Array
  bytesMax: number
  blocksMax: number
  sequenceLengthMax: number
}
export interface ClaimBookParts {
  mixture: Pick<MixtureCompute, 'claims' | 'commit' | 'paths'>
  batcher: Batcher
  random: Random
}

export class ClaimBook {
  readonly #options: ClaimBookOptions
  readonly #parts: ClaimBookParts
  /** Oldest first. */
  readonly #kept = new Map<string, Kept>()
  readonly #answering = new Map<string, Promise<Kept>>()
  readonly #bytesOf = new Map<Hex, number>()
  #bytes = 0
  #height = 0

  constructor(options: ClaimBookOptions, parts: ClaimBookParts) {
    this.#options = options
    this.#parts = parts
  }

  get queries(): number {
    return this.#kept.size
  }

  /** Bytes of leaves kept now. */
  get bytes(): number {
    return this.#bytes
  }

  /** Tells the book of a new block and drops what is too old. */
  advance(height: number): void {
    this.#height = height
    for (const [key, kept] of this.#kept) {
      if (height - kept.height <= this.#options.blocksMax) break
      this.#drop(key, kept)
    }
  }

  /**
   * Commits to a query. The same query of the same caller gets the same Commit again.
   * @throws NodeError MINER_QUERY_TOO_LONG, MINER_QUERIES_FULL, what the expert throws
   */
  async commit(caller: Uint8Array, query: Query, signal: AbortSignal): Promise<Commit> {
    const { sequenceLengthMax } = this.#options
    if (query.length > sequenceLengthMax) throw new NodeError('MINER_QUERY_TOO_LONG', { length: query.length, limit: sequenceLengthMax })
    const key = keyOf(caller, query.queryId)
    let kept = this.#kept.get(key)
    if (kept === undefined) {
      const answering = this.#answering.get(key) ?? this.#answer(key, toHex(caller), query, signal)
      this.#answering.set(key, answering)
      try {
        kept = await answering
      } finally {
        this.#answering.delete(key)
      }
    }
    return { queryId: query.queryId, commit: kept.commit }
  }

  /** Opens a committed query. @throws NodeError MINER_QUERY_UNKNOWN, MINER_QUERY_OPENED, MESSAGE_MALFORMED */
  reveal(caller: Uint8Array, challenge: Challenge): Reveal {
    const { queryId } = challenge
    const kept = this.#kept.get(keyOf(caller, queryId))
    if (kept === undefined) throw new NodeError('MINER_QUERY_UNKNOWN', { query: toHex(queryId) })
    const visible = kept.claims.length
    if (challenge.positions.some((position) => position >= visible)) throw new NodeError('MESSAGE_MALFORMED', { what: 'opened position' })
    const asked = challenge.positions.join()
    if (kept.opened !== null && kept.opened !== asked) throw new NodeError('MINER_QUERY_OPENED', { query: toHex(queryId) })
    kept.opened = asked
    const paths = this.#parts.mixture.paths(kept.leaves.subarray(0, visible * LEAF_BYTES), Uint16Array.from(challenge.positions))
    return {
      queryId,
      root: kept.root,
      salt: kept.salt,
      lastLeaf: leafAt(kept.leaves, visible),
      claims: kept.claims,
      openings: challenge.positions.map((position, i) => ({
        position,
        leaf: leafAt(kept.leaves, position),
        path: hashesOf(paths[i] ?? new Uint8Array(0)),
      })),
    }
  }

  async #answer(key: string, caller: Hex, query: Query, signal: AbortSignal): Promise<Kept> {
    const { mixture, batcher, random } = this.#parts
    const { hotkey, bytesMax } = this.#options
    const size = query.length * LEAF_BYTES
    const limit = Math.floor(bytesMax * CALLER_SHARE)
    this.#makeRoom(caller, size, limit)
    if ((this.#bytesOf.get(caller) ?? 0) + size > limit) throw new NodeError('MINER_QUERIES_FULL', { limit })
    // The room is taken before the model runs: calls that arrive together must not pass the limit together.
    this.#count(caller, size)
    try {
      const context = new Uint8Array(query.filler.length + query.span.length)
      context.set(query.filler)
      context.set(query.span, query.filler.length)
      const leaves = await batcher.predict(context, query.filler.length, signal)
      const visible = leaves.subarray(0, query.span.length * LEAF_BYTES)
      const claims = mixture.claims(visible, query.span)
      const salt = random.bytes(32)
      const { root, commit } = mixture.commit({ queryId: query.queryId, hotkey, leaves, claims, salt })
      const kept = { caller, leaves, claims, salt, root, commit, height: this.#height, opened: null }
      this.#kept.set(key, kept)
      return kept
    } catch (error) {
      this.#count(caller, -size)
      throw error
    }
  }

  /** Drops opened queries of this caller first, then anybody's oldest opened ones, until `size` fits. */
  #makeRoom(caller: Hex, size: number, limit: number): void {
    const full = (): boolean => (this.#bytesOf.get(caller) ?? 0) + size > limit
    for (const [key, kept] of this.#kept) if (full() && kept.caller === caller && kept.opened !== null) this.#drop(key, kept)
    const over = (): boolean => this.#bytes + size > this.#options.bytesMax
    for (const [key, kept] of this.#kept) if (over() && kept.opened !== null) this.#drop(key, kept)
    for (const [key, kept] of this.#kept) if (over()) this.#drop(key, kept)
  }

  #drop(key: string, kept: Kept): void {
    this.#kept.delete(key)
    this.#count(kept.caller, -kept.leaves.length)
  }

  #count(caller: Hex, bytes: number): void {
    this.#bytes += bytes
    const left = (this.#bytesOf.get(caller) ?? 0) + bytes
    if (left === 0) this.#bytesOf.delete(caller)
    else this.#bytesOf.set(caller, left)
  }
}

const keyOf = (caller: Uint8Array, queryId: Uint8Array): string => `${toHex(caller)}:${toHex(queryId)}`
const leafAt = (leaves: Uint8Array, position: number): Uint8Array => leaves.subarray(position * LEAF_BYTES, (position + 1) * LEAF_BYTES)
const hashesOf = (path: Uint8Array): Uint8Array[] => Array.from({ length: path.length / 32 }, (_, i) => path.subarray(32 * i, 32 * (i + 1)))
