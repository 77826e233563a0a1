/**
 * JSON of outsiders as strictly as a ledger needs them: no duplicate keys, no deep nesting, no number that JavaScript would round.
 * JSON.parse accepts all of these silently, so the raw text is scanned before it is parsed.
 */
import { NodeError } from './errors.ts'

export interface JsonLimits {
  /** What the text is, for the error. */
  what: string
  /** UTF-16 units that are looked at; each takes at least a byte. */
  lengthMax: number
  depthMax: number
}
/** A number is safe when it is written the way JavaScript writes it back, or is a plain decimal fraction. */
const NUMBER = /-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/y

/** Why a text is refused, on its way to the one place that knows what the text is. */
class Fault extends Error {}
const bad = (detail: string): Fault => new Fault(detail)

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
function scan(text: string, depthMax: number): void {
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
        if (keys.length >= depthMax) throw bad(`nested more than ${depthMax} deep`)
        keys.push(c === '{' ? new Set() : null)
        expectKey = c === '{'
      } else if (c === '}' || c === ']') keys.pop()
      else if (c === ',') expectKey = keys.at(-1) instanceof Set
      i++
    }
  }
}

/** The value of a JSON text. @throws NodeError JSON_INVALID, which names what is wrong */
export function parseStrictJson(text: string, { what, lengthMax, depthMax }: JsonLimits): unknown {
  try {
    if (text.length > lengthMax) throw bad(`it has more than ${lengthMax} characters`)
    scan(text, depthMax)
    return JSON.parse(text, (key, value: unknown) => {
      if (key === '__proto__') throw bad('the key "__proto__" is not allowed')
      return value
    })
  } catch (error) {
    const detail = error instanceof Fault ? error.message : 'it is no JSON text'
    throw new NodeError('JSON_INVALID', { what, detail }, { cause: error })
  }
}
