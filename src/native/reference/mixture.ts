/**
 * The TypeScript twin of crates/mixture (mixture.md 2 to 5): slow, plain, and equal to it bit for bit in everything that
 * enters a score.
 */
import type { MixtureCompute } from '../../protocol/ports/compute.ts'
import { LEAF_BYTES } from '../../protocol/ports/compute.ts'
import { NodeError } from '../../protocol/errors.ts'
import { checkInto } from '../argument.ts'
import { checkReveal, commit, paths } from './mixture-claims.ts'
import { report, shapley, values } from './mixture-game.ts'
import { ntdDecode, ntdEncode } from './mixture-ntd.ts'
import { claimOf, codeOf, demand, distribution, expMinus, leavesOf, ln } from './mixture-numbers.ts'

function claims(bytes: Uint8Array, text: Uint8Array): Uint16Array {
  const leaves = leavesOf(bytes)
  demand(leaves.length === text.length, 'MIXTURE_ARGUMENT', 'there is not one leaf for each byte of text')
  return Uint16Array.from(text, (byte, t) => claimOf(leaves[t]!, byte))
}

function decode(bytes: Uint8Array, into?: Float64Array): Float64Array {
  if (into !== undefined) checkInto(into, bytes.length, [bytes])
  const leaves = leavesOf(bytes)
  const out = into ?? new Float64Array(bytes.length)
  leaves.forEach((leaf, i) => out.set(distribution(leaf), i * LEAF_BYTES))
  return out
}

function encodeRow(row: Float32Array): Uint8Array {
  demand(!row.some((value) => Number.isNaN(value)), 'MIXTURE_ARGUMENT', 'a log-probability is not a number')
  const largest = Math.max(...row)
  demand(Number.isFinite(largest), 'MIXTURE_ARGUMENT', 'a row of log-probabilities has no finite largest one')
  let sum = 0
  for (const value of row) sum += expMinus(largest - value)
  const lnSum = ln(sum)
  return Uint8Array.from(row, (value) => codeOf(largest - value + lnSum))
}

function encode(lnProbabilities: Float32Array): Uint8Array {
  const rows = leavesOf(new Uint8Array(lnProbabilities.length)).length
  const out = new Uint8Array(lnProbabilities.length)
  for (let at = 0; at < rows * LEAF_BYTES; at += LEAF_BYTES) out.set(encodeRow(lnProbabilities.subarray(at, at + LEAF_BYTES)), at)
  return out
}

export const mixtureReference: MixtureCompute = {
  claims,
  decode,
  encode,
  commit,
  paths,
  checkReveal,
  async shapley(game, options = {}) {
    if (options.signal?.aborted === true) throw new NodeError('NATIVE_CANCELLED')
    return shapley(game)
  },
  values,
  report,
  ntdEncode,
  ntdDecode,
}
