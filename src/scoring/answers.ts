/**
 * Judges one peer's answer to one span (mixture.md 6.1 step 6), the same way while scoring and in a replay: bodies in,
 * status, claims and causality out.
 */
import type { AnswerStatus, SwapRecord } from '../protocol/evidence.ts'
import { decodeCommit, decodeReveal } from '../protocol/expert-messages.ts'
import type { Reveal } from '../protocol/expert-messages.ts'
import { concat, equal } from '../protocol/bytes.ts'
import { LEAF_BYTES } from '../protocol/ports/compute.ts'
import type { MixtureCompute } from '../protocol/ports/compute.ts'
import { deviation } from './causality.ts'

export interface AskedSpan {
  queryId: Uint8Array
  text: Uint8Array
  swaps: readonly SwapRecord[]
  /** Positions that were to be opened, those of the swaps first. */
  positions: readonly number[]
}
export interface Judged {
  status: AnswerStatus
  /** T claims, the sealed byte's last; null unless the status is `in time`. */
  claims: Uint16Array | null
  /** z/sqrt(V) of the swaps that say something. */
  deviations: number[]
}

const failed = (status: AnswerStatus): Judged => ({ status, claims: null, deviations: [] })

/** @param bodies of Commit and Reveal as they came in time; null where none did */
export function judge(
  mixture: MixtureCompute,
  span: AskedSpan,
  hotkey: Uint8Array,
  bodies: { commit: Uint8Array | null; reveal: Uint8Array | null },
): Judged {
  if (bodies.commit === null || bodies.reveal === null) return failed('late')
  const length = span.text.length
  let commit: Uint8Array
  let reveal: Reveal
  try {
    const message = decodeCommit(bodies.commit)
    reveal = decodeReveal(bodies.reveal, { length, positions: span.positions })
    if (!equal(message.queryId, span.queryId) || !equal(reveal.queryId, span.queryId)) return failed('malformed')
    commit = message.commit
  } catch {
    return failed('malformed')
  }
  const leaves = new Uint8Array(reveal.openings.length * LEAF_BYTES)
  for (const [i, { leaf }] of reveal.openings.entries()) leaves.set(leaf, i * LEAF_BYTES)
  const { status, lastClaim } = mixture.checkReveal({
    commit,
    queryId: span.queryId,
    hotkey,
    root: reveal.root,
    salt: reveal.salt,
    lastLeaf: reveal.lastLeaf,
    claims: reveal.claims,
    span: span.text,
    positions: Uint16Array.from(span.positions),
    leaves,
    paths: reveal.openings.map(({ path }) => concat(...path)),
  })
  if (status === 'shape') return failed('malformed')
  if (status !== 'ok') return failed('wrong')
  const claims = new Uint16Array(length)
  claims.set(reveal.claims)
  claims[length - 1] = lastClaim
  if (span.swaps.length === 0) return { status: 'in time', claims, deviations: [] }
  const decoded = mixture.decode(leaves.slice(0, span.swaps.length * LEAF_BYTES))
  const deviations = span.swaps.flatMap((swap, i) => deviation(swap, decoded.subarray(i * LEAF_BYTES, (i + 1) * LEAF_BYTES)) ?? [])
  return { status: 'in time', claims, deviations }
}

const severity: readonly AnswerStatus[] = ['in time', 'late', 'malformed', 'wrong']

/** A peer's whole step: it failed where one of its spans did, the worst of them counting. */
export function stepOf(spans: readonly Judged[]): Judged {
  const worst = spans.map(({ status }) => status).toSorted((a, b) => severity.indexOf(b) - severity.indexOf(a))[0] ?? 'late'
  if (worst !== 'in time') return failed(worst)
  const claims = new Uint16Array(spans.reduce((sum, span) => sum + (span.claims?.length ?? 0), 0))
  let at = 0
  for (const span of spans) {
    if (span.claims === null) continue
    claims.set(span.claims, at)
    at += span.claims.length
  }
  return { status: 'in time', claims, deviations: spans.flatMap(({ deviations }) => deviations) }
}
