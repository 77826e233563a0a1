/** Proof of work by the addon: crates/pow behind the port `PowCompute`. */
import { U64_MAX } from '../protocol/bytes.ts'
import { NodeError } from '../protocol/errors.ts'
import type { PowChallenge, PowCompute, PowOptions, PowSearch, PowSolution } from '../protocol/ports/compute.ts'
import { checkBytes, checkInteger, checkName, checkNumbers, checkObject, checkU64 } from './argument.ts'
import { call, long, type JobHandle } from './errors.ts'
import { paced } from './pow-pace.ts'

/** More threads than any machine has cores help nobody. */
export const SOLVER_THREADS_MAX = 1_024

/** Seals in one batch: verification runs on the caller's thread. */
export const SEALS_MAX = 65_536

/** Heads in one call, which runs on the caller's thread. */
const HEADS_MAX = 65_536n

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
  if (challenge.count !== undefined) checkU64('count', challenge.count)
  if (challenge.threads !== undefined) checkInteger('threads', challenge.threads, 1, SOLVER_THREADS_MAX)
  if (challenge.backend !== undefined) checkName('backend', challenge.backend)
}

/** Checks what `heads` is asked for; its number of nonces. @throws NATIVE_ARGUMENT, POW_BATCH_TOO_LARGE */
export function checkHeads(challenge: PowChallenge): number {
  checkChallenge(challenge)
  const { count = 1n } = challenge
  if (count > HEADS_MAX) throw new NodeError('POW_BATCH_TOO_LARGE', { detail: `${count} heads, at most ${HEADS_MAX}` })
  return Number(count)
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

interface Task {
  difficulty: bigint
  start: bigint
  count: bigint
}
interface NativeSearch {
  replace(blockHash: Uint8Array, hotkey: Uint8Array, task: Task): boolean
}

/** What this facade needs of the addon. */
export interface PowBinding<J extends JobHandle = JobHandle, S extends NativeSearch = NativeSearch> {
  Job: new () => J
  PowSearch: new (blockHash: Uint8Array, hotkey: Uint8Array, task: Task) => S
  powBackends(): string[]
  powSeal: PowCompute['seal']
  powHeads(blockHash: Uint8Array, hotkey: Uint8Array, start: bigint, count: number, backend?: string): BigUint64Array
  powVerify(
    blockHashes: Uint8Array,
    hotkeys: Uint8Array,
    nonces: BigUint64Array,
    difficulties: BigUint64Array,
  ): { seals: Uint8Array; meets: Uint8Array }
  powRun(job: J, search: S, backends: string[], threads?: number): Promise<PowSolution>
}

const taskOf = ({ difficulty, start = randomStart(), count = U64_MAX }: PowChallenge): Task => ({ difficulty, start, count })

/** Without devices beside the processor, `all` is its fastest solver. */
const backendsOf = ({ backend }: PowChallenge): string[] => (backend === undefined || backend === 'all' ? [] : [backend])

export function powCompute(binding: PowBinding): PowCompute {
  const search = (challenge: PowChallenge, options: PowOptions = {}): PowSearch => {
    checkChallenge(challenge)
    let current = challenge
    const native = call(() => new binding.PowSearch(challenge.blockHash, challenge.hotkey, taskOf(challenge)))
    const stop = new AbortController()
    const signal = options.signal === undefined ? stop.signal : AbortSignal.any([options.signal, stop.signal])
    const calls = paced({ ...options, signal }, () => current.difficulty)
    const run = long(new binding.Job(), calls, (job) => binding.powRun(job, native, backendsOf(challenge), challenge.threads))
    return {
      result: run.then((solution) => ({ ...solution, challenge: current })),
      replace(next) {
        checkChallenge(next)
        const accepted = call(() => native.replace(next.blockHash, next.hotkey, taskOf(next)))
        if (accepted) current = next
        return accepted
      },
      cancel: () => stop.abort(),
    }
  }
  return {
    backends: () => call(() => binding.powBackends()),
    seal(blockHash, hotkey, nonce) {
      checkBytes('blockHash', blockHash, 32)
      checkBytes('hotkey', hotkey, 32)
      checkU64('nonce', nonce)
      return call(() => binding.powSeal(blockHash, hotkey, nonce))
    },
    heads(challenge) {
      const count = checkHeads(challenge)
      const { start } = taskOf(challenge)
      return call(() => binding.powHeads(challenge.blockHash, challenge.hotkey, start, count, backendsOf(challenge)[0]))
    },
    verify(batch) {
      checkBatch(batch)
      return call(() => binding.powVerify(batch.blockHashes, batch.hotkeys, batch.nonces, batch.difficulties))
    },
    async solve(challenge, options) {
      const { nonce, seal, hashes, seconds } = await search(challenge, options).result
      return { nonce, seal, hashes, seconds }
    },
    search,
  }
}
