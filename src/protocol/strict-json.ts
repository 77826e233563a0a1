/** JSON of outsiders, refused where `JSON.parse` is silent: duplicate keys, too deep, too long (reliability.md T15, F18). */
import { NodeError } from './errors.ts'

export interface JsonLimits {
  bytes: number
  depth: number
}

/** @throws NodeError LEDGER_MALFORMED */
export function parseStrictJson(text: string, what: string, limits: JsonLimits): unknown {
  const refuse = (detail: string, cause?: unknown): NodeError => new NodeError('LEDGER_MALFORMED', { what, detail }, { cause })
  // A UTF-16 unit takes at least one byte, so this needs no encoding of the whole.
  if (text.length > limits.bytes) throw refuse(`more than ${limits.bytes} bytes`)
  const fault = scan(text, limits.depth)
  if (fault) throw refuse(fault)
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw refuse('it is no JSON', cause)
  }
}

/** One pass over the tokens that matter, before anything nested is built. */
function scan(text: string, depthMax: number): string | undefined {
  const open: (Set<string> | null)[] = []
  const tokens = /"(?:[^"\\]|\\.)*"(\s*:)?|[{}[\]]/gs
  for (const [token, colon] of text.matchAll(tokens)) {
    if (token === '{' || token === '[') {
      open.push(token === '{' ? new Set() : null)
      if (open.length > depthMax) return `deeper than ${depthMax}`
    } else if (token === '}' || token === ']') open.pop()
    else if (colon !== undefined) {
      const keys = open.at(-1)
      let key: unknown
      try {
        key = JSON.parse(token.slice(0, token.length - colon.length))
      } catch {
        return 'it is no JSON'
      }
      if (!keys || typeof key !== 'string') return 'it is no JSON'
      if (keys.has(key)) return `the key ${JSON.stringify(key)} stands twice`
      keys.add(key)
    }
  }
  return undefined
}
