/**
 * JSON bodies as strictly as a ledger needs them: no duplicate keys, no deep nesting, no number that JavaScript would round.
 * JSON.parse accepts all of these silently, so the raw text is scanned before it is parsed.
 */
import { NodeError } from '../protocol/errors.ts'

const DEPTH_MAX = 32
/** A number is safe when it is written the way JavaScript writes it back, or is a plain decimal fraction. */
const NUMBER = /-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/y

const bad = (detail: string): NodeError => new NodeError('API_JSON_INVALID', { detail })

/** Index just past the string that opens at `at`. */
function stringEnd(text: string, at: number): number {
  for (let i = at + 1; i < text.length; i++) {
    const c = text[i]
    if (c === '\\') i++
    else if (c === '"') return i + 1
  }
  throw bad('a string does not end')
}

function checkNumber(text: string, at: number): number {
  NUMBER.lastIndex = at
  const found = NUMBER.exec(text)?.[0]
  if (found === undefined) throw bad(`unexpected character at ${at}`)
  const value = Number(found)
  if (!Number.isFinite(value)) throw bad(`the number ${found.slice(0, 24)} is too large`)
  if (/^-?\d+$/.test(found) && (!Number.isSafeInteger(value) || found === '-0'))
    throw bad(`the integer ${found.slice(0, 24)} cannot be held exactly: send amounts as strings`)
  return at + found.length
}

/** Walks over the text once; knows just enough grammar to see keys, depth and numbers. The parser checks the rest. */
function scan(text: string): void {
  const keys: (Set<string> | null)[] = []
  let expectKey = false
  for (let i = 0; i < text.length;) {
    const c = text[i] ?? ''
    if (c === '"') {
      const end = stringEnd(text, i)
      const open = keys.at(-1)
      if (expectKey && open instanceof Set) {
        const key = JSON.parse(text.slice(i, end)) as string
        if (open.has(key)) throw bad(`the key ${JSON.stringify(key.slice(0, 40))} stands twice`)
        open.add(key)
        expectKey = false
      }
      i = end
    } else if (c === '-' || (c >= '0' && c <= '9')) i = checkNumber(text, i)
    else {
      if (c === '{' || c === '[') {
        if (keys.length >= DEPTH_MAX) throw bad(`nested more than ${DEPTH_MAX} deep`)
        keys.push(c === '{' ? new Set() : null)
        expectKey = c === '{'
      } else if (c === '}' || c === ']') keys.pop()
      else if (c === ',') expectKey = keys.at(-1) instanceof Set
      i++
    }
  }
}

/** The value of a JSON text. @throws NodeError API_JSON_INVALID, which names what is wrong */
export function parseStrictJson(text: string): unknown {
  try {
    scan(text)
    return JSON.parse(text, (key, value: unknown) => {
      if (key === '__proto__') throw bad('the key "__proto__" is not allowed')
      return value
    })
  } catch (error) {
    throw error instanceof NodeError ? error : bad('it is no JSON text')
  }
}
