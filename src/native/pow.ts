/** Proof of work by the addon: crates/pow behind the port `PowCompute`. */
import { U64_MAX } from '../protocol/bytes.ts'
import type { LongCall, PowChallenge, PowCompute, PowSolution } from '../protocol/ports/compute.ts'
import { checkBytes, checkInteger, checkObject, checkU64 } from './argument.ts'
import { call, long, type JobHandle } from './errors.ts'

/** More threads than any machine has cores help nobody. */
export const SOLVER_THREADS_MAX = 1_024

/** A start that nobody else searches from, far enough from the end that a search does not wrap. */
function randomStart(): bigint {
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
    seal: (blockHash, hotkey, nonce) => call(() => binding.powSeal(blockHash, hotkey, nonce)),
    verify: (batch) => call(() => binding.powVerify(batch.blockHashes, batch.hotkeys, batch.nonces, batch.difficulties)),
    async solve(challenge: PowChallenge, options: LongCall = {}): Promise<PowSolution> {
      checkChallenge(challenge)
      const { blockHash, hotkey, difficulty, start = randomStart(), threads, backend } = challenge
      const search = { difficulty, start, ...(threads !== undefined && { threads }), ...(backend !== undefined && { backend }) }
      return long(new binding.Job(), options, (job) => binding.powSolve(job, blockHash, hotkey, search))
    },
  }
}
