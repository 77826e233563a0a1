/** The public fallback along one completion: expert 0 of the mixture, and what spreads the unlisted mass of the others' NTDs. */
import { drawByte } from '../../protocol/draft-draws.ts'
import type { DraftDraws } from '../../protocol/draft-draws.ts'
import { LEAF_BYTES } from '../../protocol/ports/compute.ts'
import type { MixtureCompute } from '../../protocol/ports/compute.ts'
import type { ExpertStream } from '../../protocol/ports/expert.ts'
import { FadingLoss } from '../../scoring/serving-posterior.ts'
import type { Text } from './text.ts'

/** Positions looked back at: what a peer that catches up may ask for (SERVE answers 64). */
const BACK = 64

export class FallbackTrack {
  readonly loss = new FadingLoss()
  readonly #stream: ExpertStream
  readonly #mixture: Pick<MixtureCompute, 'decode'>
  /** Leaves by position, for positions that agree with the text. */
  readonly #leaves = new Map<number, Uint8Array>()
  readonly #rows = new Map<number, Float64Array>()
  /** Bytes of the text that the stream holds. */
  #agreed = 0

  constructor(stream: ExpertStream, parts: { mixture: Pick<MixtureCompute, 'decode'> }) {
    this.#stream = stream
    this.#mixture = parts.mixture
  }

  /** Computes the leaves up to the end of the text, its draft included. */
  async extend(text: Text): Promise<void> {
    const { end } = text
    const want = Math.min(end + 1, Math.max(BACK + 1 + end - text.length, 1))
    const missing = Math.min(want, end - this.#agreed + (this.#leaves.has(this.#agreed) ? 0 : 1))
    if (missing <= 0) return
    const leaves = await this.#stream.extend(this.#agreed, text.slice(this.#agreed, end), missing)
    for (let i = 0; i < missing; i++) {
      this.#leaves.set(end - missing + 1 + i, leaves.subarray(i * LEAF_BYTES, (i + 1) * LEAF_BYTES))
    }
    this.#agreed = end
    for (const position of this.#leaves.keys()) if (position < text.length - BACK) this.#leaves.delete(position)
  }

  /** Puts a draft of its own draws behind the sure text: no call is needed for it. */
  async draft(text: Text, count: number, draws: DraftDraws): Promise<void> {
    const drafted: number[] = []
    text.draft(new Uint8Array(0))
    while (drafted.length < count) {
      await this.extend(text)
      drafted.push(drawByte(this.row(text.end), draws, text.end))
      text.draft(Uint8Array.from(drafted))
    }
  }

  /** Leaves of positions from..to, both included: (to-from+1)·256 bytes. */
  leaves(from: number, to: number): Uint8Array {
    const out = new Uint8Array((to - from + 1) * LEAF_BYTES)
    for (let position = from; position <= to; position++) {
      const leaf = this.#leaves.get(position)
      if (leaf !== undefined) out.set(leaf, (position - from) * LEAF_BYTES)
    }
    return out
  }

  /** Probabilities at a position that `extend` has reached. */
  row(position: number): Float64Array {
    const known = this.#rows.get(position)
    if (known !== undefined) return known
    const row = this.#mixture.decode(this.leaves(position, position))
    this.#rows.set(position, row)
    return row
  }

  /** Counts the losses on text that was there before the first answer. */
  score(text: Text): void {
    for (let position = Math.max(0, text.length - BACK); position < text.length; position++) {
      if (this.#leaves.has(position)) this.loss.add(this.row(position)[text.at(position)] ?? 0)
      this.#rows.delete(position)
    }
  }

  /** A byte has become sure: counts its loss and forgets what followed another byte. */
  settle(position: number, byte: number, foreseen: boolean): void {
    this.loss.add(this.row(position)[byte] ?? 0)
    this.#rows.delete(position)
    if (foreseen) return
    this.#agreed = Math.min(this.#agreed, position)
    for (const later of this.#leaves.keys()) if (later > position) this.#leaves.delete(later)
    for (const later of this.#rows.keys()) if (later > position) this.#rows.delete(later)
  }

  close(): void {
    this.#stream.close()
  }
}
