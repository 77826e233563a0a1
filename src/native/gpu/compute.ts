/** The native functions with the GPUs beside the CPU. */
import type { Compute } from '../../protocol/ports/compute.ts'
import { expertWithDevices } from './expert.ts'
import { gpuPow, type PowParts } from './pow.ts'
import type { GpuSupervisor } from './supervisor.ts'
import { gpuTensor, type TensorParts } from './tensor.ts'

/** What judges results of a device; the defaults are the real ones. */
export interface GpuChecks {
  meets?: NonNullable<PowParts['meets']>
  product?: NonNullable<TensorParts['check']>
}

/** `cpu`, where devices of `gpu` can be named. No process is started before one is. */
export function gpuCompute(cpu: Compute, gpu: GpuSupervisor, { meets, product }: GpuChecks = {}): Compute {
  return {
    ...cpu,
    pow: gpuPow({ cpu: cpu.pow, gpu, ...(meets && { meets }) }),
    expert: expertWithDevices(cpu.expert, gpu),
    tensor: gpuTensor({ cpu: cpu.tensor, gpu, ...(product && { check: product }) }),
  }
}
