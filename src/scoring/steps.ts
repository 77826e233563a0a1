/** One scoring step (mixture.md 4.1): its size and the fallback's claims on its spans. */
import { utf8 } from '../protocol/bytes.ts'
import { blake3 } from '../protocol/hash.ts'
import { LEAF_BYTES } from '../protocol/ports/compute.ts'
import type { MixtureCompute, Model } from '../protocol/ports/compute.ts'
import { GAME_INDEPENDENTS_MAX } from './invitations.ts'
import { OPENINGS } from './openings.ts'

/** Positions of one step. */
export const STEP_POSITIONS = 2_048
/** Bytes of the private prefix of a query. */
export const FILLER_BYTES = 32

/** B = max(1, 2048/T) spans of T bytes. */
export const spansPerStep = (length: number): number => Math.max(1, Math.floor(STEP_POSITIONS / length))

/** What a replay depends on beside the records; `params` of record 0 is its H. */
export interface ScoringParameters {
  length: number
  fallbackRoot: string
  baseRoot: string
}
/** H over names and values in a fixed order. */
export const parametersHash = ({ length, fallbackRoot, baseRoot }: ScoringParameters): Uint8Array =>
  blake3(
    utf8(
      `sequence_length=${length};filler_bytes=${FILLER_BYTES};positions=${STEP_POSITIONS};n_exact=${GAME_INDEPENDENTS_MAX};` +
        `openings=${OPENINGS};fallback_root=${fallbackRoot};base_root=${baseRoot}`,
    ),
  )

/** Claims of the public fallback on whole spans, which it reads without a filler: spans * T values. */
export async function fallbackClaims(
  parts: { mixture: MixtureCompute; fallback: Pick<Model, 'predict'> },
  texts: readonly Uint8Array[],
): Promise<Uint16Array> {
  const leaves = await parts.fallback.predict(
    texts.map((text) => text.subarray(0, text.length - 1)),
    texts.map(() => 0),
  )
  const claims = texts.map((text, i) => parts.mixture.claims(leaves[i] ?? new Uint8Array(text.length * LEAF_BYTES), text))
  const joined = new Uint16Array(claims.reduce((sum, part) => sum + part.length, 0))
  let at = 0
  for (const part of claims) {
    joined.set(part, at)
    at += part.length
  }
  return joined
}
