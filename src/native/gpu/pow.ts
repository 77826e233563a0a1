/** Proof of work with the GPUs beside the CPU: `backend` may be the id of a device, or `all` for everything at once. */
import { NodeError } from '../../protocol/errors.ts'
import type { PowChallenge, PowCompute, PowOptions } from '../../protocol/ports/compute.ts'
import { checkChallenge } from '../pow.ts'
import { cpuSearcher, raceSeals, type SealSearcher } from '../pow-race.ts'
import { isGpuDevice } from './device-list.ts'
import { deviceSearcher, sealMeets, type SearchParts } from './seal-search.ts'
import type { GpuSupervisor } from './supervisor.ts'
import { isTakeover, takeOver } from './takeover.ts'

/** Every usable device at once. */
export const ALL = 'all'
/** Places in a race for devices that are listed only after it began; more GPUs than this no machine has. */
const PLACES = 16

export interface PowParts {
  cpu: PowCompute
  gpu: GpuSupervisor
  /** How a found seal is judged; see `SearchParts`. */
  meets?: SearchParts['meets']
}

/** One device; once it is lost the CPU does that range and all later ones of this search. */
function deviceOrCpu({ cpu }: PowParts, search: SearchParts, device: string, { onFallback }: PowOptions): SealSearcher {
  const onDevice = deviceSearcher(search, device)
  const onCpu = cpuSearcher(cpu)
  let isLost = false
  return {
    name: device,
    async search(challenge, range, options) {
      if (isLost) return await onCpu.search(challenge, range, options)
      try {
        return await onDevice.search(challenge, range, options)
      } catch (error) {
        if (!isTakeover(error)) throw error
        isLost = true
        return await takeOver(error, onFallback, () => onCpu.search(challenge, range, options))
      }
    },
  }
}

/** The CPU, which begins at once, and a place for each device that the list may hold. One that is lost leaves the race. */
function everyDevice({ cpu }: PowParts, search: SearchParts, { onFallback }: PowOptions): SealSearcher[] {
  const list = search.gpu.devices().then((devices) => devices.filter(({ usable }) => usable).map(({ id }) => deviceSearcher(search, id)))
  const place = (index: number): SealSearcher => ({
    name: `GPU ${index}`,
    async search(challenge, range, options) {
      const device = (await list)[index]
      if (device === undefined) throw new NodeError('GPU_UNAVAILABLE', { device: `GPU ${index}`, detail: 'there is no such device' })
      try {
        return await device.search(challenge, range, options)
      } catch (error) {
        if (isTakeover(error)) onFallback?.(error.message)
        throw error
      }
    },
  })
  return [cpuSearcher(cpu), ...Array.from({ length: PLACES }, (_, index) => place(index))]
}

/** `cpu` with the devices of `gpu` beside it. Every seal that a device finds is computed again by the CPU's definition. */
export function gpuPow(parts: PowParts): PowCompute {
  const { cpu, gpu, meets = sealMeets } = parts
  const searching: SearchParts = { gpu, meets, seal: (blockHash, hotkey, nonce) => cpu.seal(blockHash, hotkey, nonce) }
  const search: PowCompute['search'] = (challenge, options = {}) => {
    const { backend } = challenge
    if (backend !== ALL && (backend === undefined || !isGpuDevice(backend))) return cpu.search(challenge, options)
    checkChallenge(challenge)
    const own: PowChallenge = { ...challenge, blockHash: challenge.blockHash.slice(), hotkey: challenge.hotkey.slice() }
    const searchers = backend === ALL ? everyDevice(parts, searching, options) : [deviceOrCpu(parts, searching, backend, options)]
    return raceSeals(searchers, searching.seal, own, options)
  }
  return {
    ...cpu,
    backends: () => [...cpu.backends(), ...gpu.known.map(({ id }) => id)],
    search,
    async solve(challenge, options) {
      const { nonce, seal, hashes, seconds } = await search(challenge, options).result
      return { nonce, seal, hashes, seconds }
    },
  }
}
