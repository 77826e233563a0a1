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

const isWordByte = (byte: number): boolean =>
  byte >= 128 || (byte >= 48 && byte <= 57) || (byte >= 65 && byte <= 90) || (byte >= 97 && byte <= 122) || byte === 95 || byte === 36

const isLower = (byte: number): boolean => byte >= 97 && byte <= 122

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
  const found: Word[] = []
  let at = 0
  while (at < text.length) {
    if (!isWordByte(text[at] as number)) {
      at++
      continue
    }
    let end = at
    let ascii = true
    while (end < text.length && isWordByte(text[end] as number)) ascii = (text[end++] as number) < 128 && ascii
    if (ascii && at > 0 && end < text.length && end - at <= WORD_BYTES_MAX) {
      const word = Buffer.from(text.subarray(at, end)).toString('latin1')
      const type = typeOf(word, [text[at - 1] ?? 0, text[at - 2] ?? 0])
      if (type !== null) found.push({ start: at, text: word, type })
    }
    at = end
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
