/**
 * The codecs of leaves (mixture.md 2.1, 2.3) as one piece of work: claims, rows, codes, short forms of the longest kind and
 * rows from these, all of the same leaves. Its rate counts the leaves once for each codec, so it is the harmonic mean of
 * theirs: the slowest one weighs most.
 */
import { mixtureReference } from '../../native/reference/mixture.ts'
import { equal } from '../../protocol/bytes.ts'
import { NTD_LISTED_MAX } from '../../protocol/expert-messages.ts'
import { LEAF_BYTES, type MixtureCompute } from '../../protocol/ports/compute.ts'
import { demand, type BenchContext } from './measure.ts'
import { seededBytes } from './seeded.ts'

/** Where rows go: a validator that decodes all day does not take new memory for them. */
interface Memory {
  rows: Float64Array
  spread: Float64Array
}
export interface CodecInput extends Memory {
  leaves: Uint8Array
  /** The byte that each position's claim is about. */
  text: Uint8Array
  /** What is encoded: ln p = -q/16 of the leaves' codes q, exact in binary32. */
  logarithms: Float32Array
  /** Spread what short forms do not list. */
  fallback: Uint8Array
}
export interface Coded {
  claims: Uint16Array
  rows: Float64Array
  codes: Uint8Array
  short: Uint8Array
  spread: Float64Array
}
/** How often `code` goes through the leaves. */
export const CODECS = 5
/** Everything but what is left over: the most that a short form lists. */
const TOP_P = 1
const CHECKED_LEAVES = 64

const memoryOf = (numbers: number): Memory => ({ rows: new Float64Array(numbers), spread: new Float64Array(numbers) })

/** @param memory of an input of the same size that is not used any more */
export function codecInput(seed: Uint8Array, count: number, memory = memoryOf(count * LEAF_BYTES)): CodecInput {
  const leaves = seededBytes(seed, 'leaves', count * LEAF_BYTES)
  const logarithms = new Float32Array(leaves.length)
  for (let i = 0; i < leaves.length; i++) logarithms[i] = -(leaves[i] ?? 0) / 16
  const fallback = seededBytes(seed, 'fallback', count * LEAF_BYTES)
  return { leaves, text: seededBytes(seed, 'text', count), logarithms, fallback, rows: memory.rows, spread: memory.spread }
}

export function code(mixture: MixtureCompute, { leaves, text, logarithms, fallback, rows, spread }: CodecInput): Coded {
  const short = mixture.ntdEncode(leaves, TOP_P, NTD_LISTED_MAX)
  return {
    claims: mixture.claims(leaves, text),
    rows: mixture.decode(leaves, rows),
    codes: mixture.encode(logarithms),
    short,
    spread: mixture.ntdDecode(short, fallback, spread),
  }
}

const bytesOf = ({ buffer, byteOffset, byteLength }: ArrayBufferView): Uint8Array => new Uint8Array(buffer, byteOffset, byteLength)

/** @throws NodeError LAB_BENCH_WRONG where a bit is not as the twin codes it */
export function checkCodecs({ compute: { mixture }, seed }: Pick<BenchContext, 'compute' | 'seed'>): void {
  const ours = code(mixture, codecInput(seed, CHECKED_LEAVES))
  const twins = code(mixtureReference, codecInput(seed, CHECKED_LEAVES))
  for (const name of ['claims', 'rows', 'codes', 'short', 'spread'] as const)
    demand(equal(bytesOf(ours[name]), bytesOf(twins[name])), `the ${name} of leaves`)
}
