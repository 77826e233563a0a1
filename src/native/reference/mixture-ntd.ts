/** Next-token distributions in short (mixture.md 2.3): the likeliest bytes with their codes, and the code of what is left. */
import { NodeError } from '../../protocol/errors.ts'
import { LEAF_BYTES } from '../../protocol/ports/compute.ts'
import { checkInto } from '../argument.ts'
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

interface Entries {
  entries: Uint8Array
  residual: number
}

/** The `count` distributions that `bytes` must be, and nothing else. */
function split(bytes: Uint8Array, count: number): Entries[] {
  let at = 0
  const malformed = (position: number, why: string): NodeError =>
    new NodeError('MIXTURE_NTD_MALFORMED', { detail: `position ${position}: ${why}` })
  const all = Array.from({ length: count }, (_, position): Entries => {
    const listed = bytes[at]
    if (listed === undefined) throw malformed(position, 'there are fewer distributions than positions')
    if (listed > ENTRIES_MAX) throw malformed(position, 'it lists more than 64 bytes')
    const entries = bytes.subarray(at + 1, at + 1 + 2 * listed)
    const residual = bytes[at + 1 + 2 * listed]
    if (residual === undefined) throw malformed(position, 'it is cut off')
    for (let i = 2; i < entries.length; i += 2) {
      if (entries[i - 2]! >= entries[i]!) throw malformed(position, 'its bytes do not strictly increase')
    }
    at += 2 + 2 * listed
    return { entries, residual }
  })
  if (at !== bytes.length) throw malformed(count, 'there are more bytes than positions')
  return all
}

export function ntdDecode(bytes: Uint8Array, fallbackLeaves: Uint8Array, into?: Float64Array): Float64Array {
  if (into !== undefined) checkInto(into, fallbackLeaves.length, [bytes, fallbackLeaves])
  const fallback = leavesOf(fallbackLeaves)
  const all = split(bytes, fallback.length)
  const out = into ?? new Float64Array(fallback.length * LEAF_BYTES)
  fallback.forEach((leaf, i) => out.set(decodeOne(all[i]!.entries, all[i]!.residual, leaf), i * LEAF_BYTES))
  return out
}
