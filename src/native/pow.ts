/** Proof of work by the addon: crates/pow behind the port `PowCompute`. */
import { U64_MAX } from '../protocol/bytes.ts'
import { NodeError } from '../protocol/errors.ts'
import type { LongCall, PowChallenge, PowCompute, PowSolution } from '../protocol/ports/compute.ts'
import { checkBytes, checkInteger, checkName, checkNumbers, checkObject, checkU64 } from './argument.ts'
import { call, long, type JobHandle } from './errors.ts'

/** More threads than any machine has cores help nobody. */
export const SOLVER_THREADS_MAX = 1_024

/** Seals in one batch: verification runs on the caller's thread. */
export const SEALS_MAX = 65_536

/** A start that nobody else searches from, far enough from the end that a search does not wrap. */
export function randomStart(): bigint {
  const [number = 0n] = crypto.getRandomValues(new BigUint64Array(1))
  return number & (U64_MAX >> 1n)
}

/** Checks a challenge as every solver must. @throws NATIVE_ARGUMENT */
export function checkChallenge(challenge: PowChallenge): void {
  checkObject('challenge', challenge)
  checkBytes('blockHash', challenge.blockHash, 32)
  checkBytes('hotkey', challenge.hotkey, 32)
  checkU64('difficulty', challenge.difficulty)
  if (challenge.start !== undefined) checkU64('start', challenge.start)
  if (challenge.threads !== undefined) checkInteger('threads', challenge.threads, 1, SOLVER_THREADS_MAX)
  if (challenge.backend !== undefined) checkName('backend', challenge.backend)
}

type Batch = Parameters<PowCompute['verify']>[0]

/** Checks the columns of a batch as every verifier must. @throws NATIVE_ARGUMENT, POW_BATCH_TOO_LARGE, POW_BATCH_SHAPE */
export function checkBatch(batch: Batch): void {
  checkObject('batch', batch)
  const { blockHashes, hotkeys, nonces, difficulties } = batch
  checkBytes('blockHashes', blockHashes)
  checkBytes('hotkeys', hotkeys)
  checkNumbers('nonces', nonces)
  checkNumbers('difficulties', difficulties)
  const count = nonces.length
  if (count > SEALS_MAX) throw new NodeError('POW_BATCH_TOO_LARGE', { detail: `${count} seals, at most ${SEALS_MAX}` })
  if (blockHashes.length !== 32 * count || hotkeys.length !== 32 * count || difficulties.length !== count)
    throw new NodeError('POW_BATCH_SHAPE', { detail: `the columns do not all have ${count} entries` })
}

/** What this facade needs of the addon. */
export interface PowBinding<J extends JobHandle = JobHandle> {
  Job: new () => J
  powBackends(): string[]
  powSeal: PowCompute['seal']
  powVerify(
    blockHashes: Uint8Array,
    hotkeys: Uint8Array,
    nonces: BigUint64Array,
    difficulties: BigUint64Array,
  ): { seals: Uint8Array; meets: Uint8Array }
  powSolve(
    job: J,
    blockHash: Uint8Array,
    hotkey: Uint8Array,
    search: { difficulty: bigint; start: bigint; threads?: number; backend?: string },
  ): Promise<PowSolution>
}

export function powCompute(binding: PowBinding): PowCompute {
  return {
    backends: () => call(() => binding.powBackends()),
    seal(blockHash, hotkey, nonce) {
      checkBytes('blockHash', blockHash, 32)
      checkBytes('hotkey', hotkey, 32)
      checkU64('nonce', nonce)
      return call(() => binding.powSeal(blockHash, hotkey, nonce))
    },
    verify(batch) {
      checkBatch(batch)
      return call(() => binding.powVerify(batch.blockHashes, batch.hotkeys, batch.nonces, batch.difficulties))
    },
    async solve(challenge: PowChallenge, options: LongCall = {}): Promise<PowSolution> {
      checkChallenge(challenge)
      const { blockHash, hotkey, difficulty, start = randomStart(), threads, backend } = challenge
      const search = { difficulty, start, ...(threads !== undefined && { threads }), ...(backend !== undefined && { backend }) }
      return long(new binding.Job(), options, (job) => binding.powSolve(job, blockHash, hotkey, search))
    },
  }
}
