/** Opens the native functions: the addon, once per process, and beside it the GPU program, which starts when a device is named. */
import { fileURLToPath } from 'node:url'
import { loadAddon } from '../native/addon.ts'
import { gpuCompute } from '../native/gpu/compute.ts'
import { GpuSupervisor } from '../native/gpu/supervisor.ts'
import type { Compute } from '../protocol/ports/compute.ts'

/** Where `npm run build:gpu` puts it. */
const PROGRAM = new URL(`../native/gpu/taumesh-gpu${process.platform === 'win32' ? '.exe' : ''}`, import.meta.url)

let opened: { compute: Compute; gpu: GpuSupervisor } | undefined

function open(): { compute: Compute; gpu: GpuSupervisor } {
  const gpu = new GpuSupervisor({ command: fileURLToPath(PROGRAM) })
  return { compute: gpuCompute(loadAddon(), gpu), gpu }
}

/** @throws NodeError NATIVE_ABSENT when the addon is not built */
export const openCompute = (): Compute => (opened ??= open()).compute

/** Ends the GPU program if it runs. The functions stay usable: naming a device starts it anew. */
export const closeCompute = async (): Promise<void> => await opened?.gpu.close()
