/**
 * Consistent swaps (mixture.md 6.2): every occurrence of a word is replaced by one of 16 alternatives of its type, drawn
 * uniformly before anything is sent. The text behind stays coherent, looking up the public original fails, and the byte
 * where the alternatives part has a distribution that the validator knows exactly.
 */
import { concat } from '../protocol/bytes.ts'
import { SWAP_ALTERNATIVES, SWAP_WORD_BYTES_MAX, SWAPS_MAX } from '../protocol/evidence.ts'
import type { SwapRecord } from '../protocol/evidence.ts'
import type { PrfStream } from '../protocol/prf.ts'
import { words } from './words.ts'
import type { Word, WordPool } from './words.ts'

/** A swap before this offset would be tested with almost no context. */
const CONTEXT_BYTES_MIN = 16

interface Candidate {
  word: Word
  /** Offsets of all its occurrences. */
  at: number[]
}
interface Plan extends Candidate {
  options: string[]
}

function occurrences(text: Uint8Array, word: string): number[] {
  const found: number[] = []
  const bytes = Buffer.from(text.buffer, text.byteOffset, text.byteLength)
  for (let at = bytes.indexOf(word, 0, 'latin1'); at >= 0; at = bytes.indexOf(word, at + 1, 'latin1')) found.push(at)
  return found
}

function digits(draw: PrfStream, word: string, from: number, to: number): string[] {
  const made = new Set<string>()
  while (made.size < SWAP_ALTERNATIVES) {
    const value = String(from + draw.below(to - from))
    if (value !== word) made.add(value)
  }
  return [...made]
}

/** 16 words of the same type, the original not among them; null when there are not enough. */
function alternatives(draw: PrfStream, word: Word, pool: WordPool): string[] | null {
  if (word.type === 'year') return digits(draw, word.text, 1500, 2100)
  if (word.type === 'number') return digits(draw, word.text, 10 ** (word.text.length - 1), 10 ** word.text.length)
  // Alike in length, or the swapped text would betray its making.
  const near = pool[word.type].filter((other) => other !== word.text && Math.abs(other.length - word.text.length) <= 4)
  if (near.length < SWAP_ALTERNATIVES) return null
  const chosen = new Set<string>()
  while (chosen.size < SWAP_ALTERNATIVES) chosen.add(near[draw.below(near.length)] as string)
  return [...chosen]
}

function replace(text: Uint8Array, at: readonly number[], length: number, by: Uint8Array): Uint8Array {
  const parts: Uint8Array[] = []
  let from = 0
  for (const start of at) {
    parts.push(text.subarray(from, start), by)
    from = start + length
  }
  return concat(...parts, text.subarray(from))
}

/** Words of which every occurrence is a whole word of the text, in order of their first one. */
function candidates(text: Uint8Array): Candidate[] {
  const byText = new Map<string, Word[]>()
  for (const word of words(text)) byText.set(word.text, [...(byText.get(word.text) ?? []), word])
  return [...byText.values()]
    .map((same) => ({ word: same[0] as Word, at: same.map(({ start }) => start) }))
    .filter(({ word, at }) => {
      const all = occurrences(text, word.text)
      return all.length === at.length && all.every((offset, i) => offset === at[i])
    })
    .toSorted((a, b) => a.word.start - b.word.start)
}

const wordBytes = (word: string): Uint8Array => Buffer.from(word, 'latin1')

/**
 * Whether every draw leaves the tested bytes inside the visible part and the text long enough: a swap that held for some
 * alternatives only would not be uniform. No plan's words may stand inside those of another, or one occurrence would stay.
 */
function fits(plans: readonly Plan[], rawLength: number, length: number): boolean {
  let grow = 0
  let shrink = 0
  for (const { word, at, options } of plans) {
    const lengths = options.map((option) => option.length)
    grow += at.length * Math.max(0, Math.max(...lengths) - word.text.length)
    shrink += at.length * Math.max(0, word.text.length - Math.min(...lengths))
  }
  return (
    rawLength - shrink >= length &&
    plans.every(({ word }) => word.start >= CONTEXT_BYTES_MIN && word.start + grow + SWAP_WORD_BYTES_MAX < length - 1) &&
    plans.every((plan) => plans.every((other) => plan === other || !other.options.some((option) => option.includes(plan.word.text))))
  )
}

/**
 * Swaps up to two words of `raw` and cuts it to `length` bytes.
 * @param raw more than `length` bytes, so that shorter alternatives leave enough
 * @param draw decides which words and which alternatives
 * @param choice decides which alternative stands there, one draw a swap: a stream of its own, so that a replay can check it
 * @returns the text of the span and its plan, swaps in order of their offset
 */
export function swapped(
  raw: Uint8Array,
  length: number,
  pool: WordPool,
  draw: PrfStream,
  choice: PrfStream,
): { text: Uint8Array; swaps: SwapRecord[] } {
  const plans: Plan[] = []
  const found = candidates(raw)
  for (const i of draw.permutation(found.length)) {
    if (plans.length === SWAPS_MAX) break
    const candidate = found[i] as Candidate
    const options = alternatives(draw, candidate.word, pool)
    if (options !== null && fits([...plans, { ...candidate, options }], raw.length, length)) plans.push({ ...candidate, options })
  }
  let text = raw
  const swaps: SwapRecord[] = []
  for (const { word, options } of plans.toSorted((a, b) => a.word.start - b.word.start)) {
    const at = occurrences(text, word.text)
    const first = at[0] as number
    const follows = Uint8Array.of(text[first + word.text.length] as number)
    const chosen = choice.below(SWAP_ALTERNATIVES)
    text = replace(text, at, word.text.length, wordBytes(options[chosen] as string))
    swaps.push({ first, chosen, words: options.map((option) => concat(wordBytes(option), follows)) })
  }
  return { text: text.slice(0, length), swaps }
}
