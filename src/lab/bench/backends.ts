/** The names that a measurement may be restricted to, checked before anything is measured. */
import { NodeError } from '../../protocol/errors.ts'
import type { DeviceInfo } from '../../protocol/ports/compute.ts'

/**
 * @param solvers those of seals on the CPU; for every other subject each stands for the CPU
 * @throws NodeError GPU_UNAVAILABLE with the reason for a device that cannot be used, LAB_BENCH_BACKEND for a name unknown here
 */
export function demandBackend(backend: string, solvers: readonly string[], devices: readonly DeviceInfo[]): void {
  const usable = devices.filter((one) => one.usable).map(({ id }) => id)
  // Seals are searched for on all devices at once, where there are others than the CPU.
  const known = [...new Set([...solvers, ...usable, ...(usable.some((id) => id !== 'cpu') ? ['all'] : [])])]
  if (known.includes(backend)) return
  const reason = devices.find(({ id }) => id === backend)?.reason ?? null
  if (reason !== null) throw new NodeError('GPU_UNAVAILABLE', { device: backend, detail: reason })
  throw new NodeError('LAB_BENCH_BACKEND', { backend, known: known.join(', ') })
}
