/**
 * Private spans (mixture.md 6.4): windows of the validator's own texts, the domains in turn in the seed's order, with
 * consistent swaps applied, and a filler of another place for every peer. Everything is drawn from the epoch's seed.
 */
import { concat, u32le } from '../protocol/bytes.ts'
import { NodeError } from '../protocol/errors.ts'
import type { SwapRecord } from '../protocol/evidence.ts'
import { kdf } from '../protocol/hash.ts'
import { label, PrfStream } from '../protocol/prf.ts'
import { swapped } from './swaps.ts'
import { wordPool } from './words.ts'
import type { WordPool } from './words.ts'

/** Read beyond the span, for swaps that make it shorter. */
const SPARE_BYTES = 128
/** A filler of the span's own text lies at least this far from it. */
const FILLER_DISTANCE_MIN = 2_048

/** Text of one domain: documents joined. */
export interface SpanText {
  name: string
  text: Uint8Array
}
interface Domain extends SpanText {
  pool: WordPool
}
export interface PlannedSpan {
  queryId: Uint8Array
  domain: string
  /** The whole span; its last byte is sealed. */
  text: Uint8Array
  swaps: SwapRecord[]
  /** Where it came from, for fillers. */
  origin: { domain: number; start: number }
}

/** query_id = first 16 bytes of KDF[query](seed ‖ u32 pass ‖ u16 span). */
export const queryId = (seed: Uint8Array, pass: number, span: number): Uint8Array =>
  kdf('query', concat(seed, u32le(pass), Uint8Array.of(span & 255, span >> 8))).slice(0, 16)

/** Which alternative of each swap stands in the text: one draw below 16 a swap, in order of offset. */
export const swapChoice = (seed: Uint8Array, id: Uint8Array): PrfStream => new PrfStream(seed, label('swap', id))

export class SpanSource {
  readonly #length: number
  readonly #domains: Domain[]

  /**
   * @param length T, bytes of a span
   * @throws NodeError SCORING_TEXT_SHORT when no domain holds a window and a filler far from it
   */
  constructor(domains: readonly SpanText[], length: number) {
    this.#length = length
    this.#domains = domains
      .filter(({ text }) => text.length >= 2 * FILLER_DISTANCE_MIN + length + SPARE_BYTES)
      .toSorted((a, b) => (a.name < b.name ? -1 : 1))
      .map((domain) => ({ ...domain, pool: wordPool(domain.text) }))
    if (this.#domains.length === 0) throw new NodeError('SCORING_TEXT_SHORT', { length })
  }

  get domains(): string[] {
    return this.#domains.map(({ name }) => name)
  }

  /** The `count` spans of a pass. The same seed and pass give the same spans. */
  plan(seed: Uint8Array, pass: number, count: number): PlannedSpan[] {
    const order = new PrfStream(seed, label('domains')).permutation(this.#domains.length)
    return Array.from({ length: count }, (_, i) => {
      const domain = order[(pass * count + i) % order.length] as number
      const { name, text, pool } = this.#domains[domain] as Domain
      const id = queryId(seed, pass, i)
      const draw = new PrfStream(seed, label('span', id))
      const start = draw.below(text.length - this.#length - SPARE_BYTES + 1)
      const raw = text.subarray(start, start + this.#length + SPARE_BYTES)
      return { queryId: id, domain: name, ...swapped(raw, this.#length, pool, draw, swapChoice(seed, id)), origin: { domain, start } }
    })
  }

  /** The filler that one peer gets before this span: `bytes` bytes of another place. */
  filler(seed: Uint8Array, span: PlannedSpan, uid: number, bytes: number): Uint8Array {
    const draw = new PrfStream(seed, label('filler', span.queryId, Uint8Array.of(uid & 255, uid >> 8)))
    for (;;) {
      const domain = draw.below(this.#domains.length)
      const { text } = this.#domains[domain] as Domain
      const start = draw.below(text.length - bytes + 1)
      if (domain === span.origin.domain && Math.abs(start - span.origin.start) < FILLER_DISTANCE_MIN) continue
      return text.slice(start, start + bytes)
    }
  }
}
