/**
 * Words of a text that a consistent swap may replace (mixture.md 6.2), by type: names, numbers, years and identifiers.
 * ASCII words only; a byte above 127 belongs to the word it stands in, so that no half of a word is ever taken for one.
 */
export type WordType = 'name' | 'number' | 'year' | 'identifier'
export interface Word {
  start: number
  text: string
  type: WordType
}

/** Longest word: an alternative and the byte that follows it fit into 32 bytes. */
export const WORD_BYTES_MAX = 31
/** Words of one type that a domain keeps as alternatives. */
const POOL_WORDS_MAX = 4_096

const isLower = (byte: number): boolean => byte >= 97 && byte <= 122

/** What a byte is to a word, one bit each; 0 for those that stand between words. */
const LOWER = 1
const OTHER_ASCII = 2
const NOT_ASCII = 4
const kinds = Uint8Array.from({ length: 256 }, (_, byte) => {
  if (byte >= 128) return NOT_ASCII
  if (isLower(byte)) return LOWER
  return /[A-Z0-9_$]/.test(String.fromCharCode(byte)) ? OTHER_ASCII : 0
})

function typeOf(text: string, before: readonly [number, number]): WordType | null {
  if (/^(1[5-9]|20)\d\d$/.test(text)) return 'year'
  if (/^\d{2,9}$/.test(text)) return 'number'
  if (/^[A-Z][a-z]{2,22}$/.test(text)) {
    // Behind a full stop any word has a capital; behind a small letter and a blank it is a name.
    const [last, previous] = before
    return last === 32 && (isLower(previous) || previous === 44) ? 'name' : null
  }
  if (text.length < 4 || !/^[A-Za-z_$][A-Za-z0-9_$]*$/.test(text)) return null
  return /[a-z][A-Z]|[a-z]_[a-z]|[A-Z]_[A-Z]/.test(text) ? 'identifier' : null
}

/** The replaceable words of a text, in order. A word that touches either end is left out: its other half is unknown. */
export function words(text: Uint8Array): Word[] {
  const bytes = Buffer.from(text.buffer, text.byteOffset, text.length)
  const found: Word[] = []
  for (let at = 0; at < text.length; at++) {
    const start = at
    let seen = 0
    for (; at < text.length; at++) {
      const kind = kinds[text[at] as number] as number
      if (kind === 0) break
      seen |= kind
    }
    // Small letters alone are no type's; that is nearly every word, so only the others are read.
    if ((seen & (OTHER_ASCII | NOT_ASCII)) !== OTHER_ASCII) continue
    if (start === 0 || at === text.length || at - start > WORD_BYTES_MAX) continue
    const word = bytes.toString('latin1', start, at)
    const type = typeOf(word, [text[start - 1] ?? 0, text[start - 2] ?? 0])
    if (type !== null) found.push({ start, text: word, type })
  }
  return found
}

export type WordPool = Readonly<Record<WordType, readonly string[]>>

/** Distinct names and identifiers of a text, sorted; numbers and years are made, not collected. */
export function wordPool(text: Uint8Array): WordPool {
  const pool = { name: new Set<string>(), identifier: new Set<string>() }
  for (const { text: word, type } of words(text)) {
    if ((type === 'name' || type === 'identifier') && pool[type].size < POOL_WORDS_MAX) pool[type].add(word)
  }
  return { name: [...pool.name].toSorted(), identifier: [...pool.identifier].toSorted(), number: [], year: [] }
}
