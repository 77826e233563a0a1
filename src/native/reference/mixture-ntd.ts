/** Next-token distributions in short (mixture.md 2.3): the likeliest bytes with their codes, and the code of what is left. */
import { NodeError } from '../../protocol/errors.ts'
import { LEAF_BYTES } from '../../protocol/ports/compute.ts'
import { codeOf, demand, distribution, leavesOf, ln, mixed, X } from './mixture-numbers.ts'

const ENTRIES_MAX = 64

/** The code of a probability; at and below e^-16 every code is 255, and a rest of nothing may be negative by rounding. */
const probabilityCode = (p: number): number => (p < 1e-7 ? 255 : codeOf(-ln(p)))

function encodeLeaf(leaf: Uint8Array, topP: number, nMax: number): number[] {
  const p = distribution(leaf)
  const order = Array.from(leaf, (_, y) => y).sort((a, b) => leaf[a]! - leaf[b]! || a - b)
  const chosen: number[] = []
  let listed = 0
  while (chosen.length < nMax && listed < topP) {
    const y = order[chosen.length]!
    listed += p[y]!
    chosen.push(y)
  }
  chosen.sort((a, b) => a - b)
  return [chosen.length, ...chosen.flatMap((y) => [y, probabilityCode(p[y]!)]), probabilityCode(1 - listed)]
}

export function ntdEncode(bytes: Uint8Array, topP: number, nMax: number): Uint8Array {
  const leaves = leavesOf(bytes)
  const within = topP > 0 && topP <= 1 && nMax >= 1 && nMax <= ENTRIES_MAX
  demand(within, 'MIXTURE_ARGUMENT', 'top_p is in (0, 1] and n_max in 1..64')
  return Uint8Array.from(leaves.flatMap((leaf) => encodeLeaf(leaf, topP, nMax)))
}

function decodeOne(entries: Uint8Array, residual: number, fallback: Uint8Array): Float64Array {
  const p0 = distribution(fallback)
  const weights = new Float64Array(LEAF_BYTES)
  const listed = new Set<number>()
  for (let at = 0; at < entries.length; at += 2) {
    listed.add(entries[at]!)
    weights[entries[at]!] = X[entries[at + 1]!]!
  }
  let unlisted = 0
  p0.forEach((p, y) => (unlisted += listed.has(y) ? 0 : p))
  p0.forEach((p, y) => {
    if (!listed.has(y)) weights[y] = (X[residual]! * p) / unlisted
  })
  let sum = 0
  for (const weight of weights) sum += weight
  return weights.map((weight) => mixed(weight / sum))
}

export function ntdDecode(bytes: Uint8Array, fallbackLeaves: Uint8Array): Float64Array {
  const fallback = leavesOf(fallbackLeaves)
  const out = new Float64Array(fallback.length * LEAF_BYTES)
  let at = 0
  const malformed = (position: number, why: string): NodeError =>
    new NodeError('MIXTURE_NTD_MALFORMED', { detail: `position ${position}: ${why}` })
  fallback.forEach((leaf, position) => {
    const count = bytes[at]
    if (count === undefined) throw malformed(position, 'there are fewer distributions than positions')
    if (count > ENTRIES_MAX) throw malformed(position, 'it lists more than 64 bytes')
    const entries = bytes.subarray(at + 1, at + 1 + 2 * count)
    const residual = bytes[at + 1 + 2 * count]
    if (residual === undefined) throw malformed(position, 'it is cut off')
    for (let i = 2; i < entries.length; i += 2) {
      if (entries[i - 2]! >= entries[i]!) throw malformed(position, 'its bytes do not strictly increase')
    }
    out.set(decodeOne(entries, residual, leaf), position * LEAF_BYTES)
    at += 2 + 2 * count
  })
  if (at !== bytes.length) throw malformed(fallback.length, 'there are more bytes than positions')
  return out
}
