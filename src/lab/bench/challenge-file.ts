/** A challenge that a verifier keeps: fresh random bytes, when they were given, and which report used them up. */
import { randomBytes } from 'node:crypto'
import { readFileSync, renameSync, writeFileSync } from 'node:fs'
import { NodeError } from '../../protocol/errors.ts'
import { fileError } from '../../protocol/file-error.ts'

export interface Challenge {
  challenge: string
  /** Unix ms. */
  issuedAt: number
  /** The report that was verified against it, and when it came. */
  usedBy: { report: string; receivedAt: number } | null
}

/** Makes and keeps a challenge. @throws NodeError CLI_FILE when the file exists or cannot be written */
export function issueChallenge(path: string, now: number): Challenge {
  const made: Challenge = { challenge: randomBytes(32).toString('hex'), issuedAt: now, usedBy: null }
  try {
    writeFileSync(path, `${JSON.stringify(made)}\n`, { flag: 'wx', mode: 0o600 })
  } catch (cause) {
    throw fileError(path, cause)
  }
  return made
}

/** @throws NodeError CLI_FILE */
export function readChallenge(path: string): Challenge {
  try {
    const { challenge, issuedAt, usedBy } = JSON.parse(readFileSync(path, 'utf8')) as Partial<Challenge>
    if (typeof challenge !== 'string' || !/^[0-9a-f]{64}$/.test(challenge) || !Number.isSafeInteger(issuedAt))
      throw new Error('it holds no challenge')
    return { challenge, issuedAt: issuedAt ?? 0, usedBy: usedBy ?? null }
  } catch (cause) {
    throw fileError(path, cause)
  }
}

/**
 * Takes the challenge for one report. The first time counts: verifying the same report again keeps the time when it came.
 * @throws NodeError LAB_BENCH_CHALLENGE_USED for another report
 */
export function useChallenge(path: string, report: string, now: number): Required<Challenge> & { receivedAt: number } {
  const kept = readChallenge(path)
  if (kept.usedBy !== null && kept.usedBy.report !== report) throw new NodeError('LAB_BENCH_CHALLENGE_USED', { report: kept.usedBy.report })
  const usedBy = kept.usedBy ?? { report, receivedAt: now }
  writeFileSync(`${path}.new`, `${JSON.stringify({ ...kept, usedBy })}\n`, { mode: 0o600 })
  renameSync(`${path}.new`, path)
  return { ...kept, usedBy, receivedAt: usedBy.receivedAt }
}
