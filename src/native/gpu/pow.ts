/** Proof of work with the GPUs beside the CPU: `backend` may be the id of a device, or `all` for everything at once. */
import type { LongCall, PowChallenge, PowCompute, PowSolution } from '../../protocol/ports/compute.ts'
import { U64_MAX } from '../../protocol/bytes.ts'
import { checkChallenge, randomStart } from '../pow.ts'
import { isGpuDevice } from './device-list.ts'
import { sealMeets, searchSeal, type SearchParts, type SearchState } from './seal-search.ts'
import type { GpuSupervisor } from './supervisor.ts'
import { isTakeover, takeOver } from './takeover.ts'

/** Every usable device at once. */
export const ALL = 'all'
/** Searchers of a race begin this far apart, which no device searches through within a year. */
const APART = 2n ** 56n

export interface PowParts {
  cpu: PowCompute
  gpu: GpuSupervisor
  /** How a found seal is judged; see `SearchParts`. */
  meets?: SearchParts['meets']
}

/** A challenge for the CPU's own choice of solver, from `start` on. */
const forCpu = ({ blockHash, hotkey, difficulty, threads }: PowChallenge, start: bigint): PowChallenge => ({
  blockHash,
  hotkey,
  difficulty,
  start,
  ...(threads !== undefined && { threads }),
})

/** One device; if it is lost the CPU goes on where it stood. */
async function onDevice(
  { cpu }: PowParts,
  search: SearchParts,
  device: string,
  challenge: PowChallenge,
  options: LongCall,
): Promise<PowSolution> {
  const { gpu } = search
  const began = performance.now()
  const state: SearchState = { next: challenge.start ?? randomStart(), hashes: 0 }
  try {
    await gpu.find(device, options.signal)
    return await searchSeal(search, device, challenge, state, options)
  } catch (error) {
    if (!isTakeover(error)) throw error
    const { signal, onProgress, onFallback } = options
    const progress = onProgress && ((done: number) => onProgress(state.hashes + done, 0))
    const rest = await takeOver(error, onFallback, () => cpu.solve(forCpu(challenge, state.next), { signal, onProgress: progress }))
    return { ...rest, hashes: state.hashes + rest.hashes, seconds: (performance.now() - began) / 1_000 }
  }
}

/** CPU and every usable device, each on a range of its own; the first solution ends the others. */
async function onAll({ cpu }: PowParts, search: SearchParts, challenge: PowChallenge, options: LongCall): Promise<PowSolution> {
  const { gpu } = search
  const began = performance.now()
  const start = challenge.start ?? randomStart()
  const stop = new AbortController()
  const abort = (): void => stop.abort()
  if (options.signal?.aborted === true) abort()
  options.signal?.addEventListener('abort', abort, { once: true })
  const counts: number[] = []
  const sum = (): number => counts.reduce((all, one) => all + one, 0)
  const counting = (who: number): LongCall => {
    counts[who] = 0
    return {
      signal: stop.signal,
      onProgress: (done) => {
        counts[who] = done
        options.onProgress?.(sum(), 0)
      },
    }
  }
  try {
    // The CPU begins at once; the GPUs join when their list is there.
    const devices = gpu.devices().then((list) => list.filter(({ usable }) => usable))
    const gpus = devices.then(async (list) => {
      const searches = list.map(({ id }, i) => {
        const state = { next: (start + APART * BigInt(i + 1)) & U64_MAX, hashes: 0 }
        return searchSeal(search, id, challenge, state, counting(i + 1)).then(
          (found) => ({ who: i + 1, found }),
          (error: unknown) => {
            if (isTakeover(error)) options.onFallback?.(error.message)
            throw error
          },
        )
      })
      return await Promise.any(searches)
    })
    const onCpu = cpu.solve(forCpu(challenge, start), counting(0)).then((found) => ({ who: 0, found }))
    // The CPU decides how the race fails: a GPU that is lost, or none at all, only leaves it.
    const { who, found } = await Promise.race([onCpu, gpus.catch(() => onCpu)])
    counts[who] = found.hashes
    return { ...found, hashes: sum(), seconds: (performance.now() - began) / 1_000 }
  } finally {
    options.signal?.removeEventListener('abort', abort)
    stop.abort()
  }
}

/** `cpu` with the devices of `gpu` beside it. Every seal that a device finds is computed again by the CPU's definition. */
export function gpuPow(parts: PowParts): PowCompute {
  const { cpu, gpu, meets = sealMeets } = parts
  const search: SearchParts = { gpu, meets, seal: (blockHash, hotkey, nonce) => cpu.seal(blockHash, hotkey, nonce) }
  return {
    ...cpu,
    backends: () => [...cpu.backends(), ...gpu.known.map(({ id }) => id)],
    async solve(challenge, options = {}) {
      const { backend } = challenge
      if (backend !== ALL && (backend === undefined || !isGpuDevice(backend))) return await cpu.solve(challenge, options)
      checkChallenge(challenge)
      const own = { ...challenge, blockHash: challenge.blockHash.slice(), hotkey: challenge.hotkey.slice() }
      return await (backend === ALL ? onAll(parts, search, own, options) : onDevice(parts, search, backend, own, options))
    },
  }
}
