/** Opens the native functions: the addon, once per process, and beside it the GPU program, which starts when a device is named. */
import { dirname, join } from 'node:path'
import { addonFile, loadAddon } from '../native/addon.ts'
import { gpuCompute } from '../native/gpu/compute.ts'
import { GpuSupervisor } from '../native/gpu/supervisor.ts'
import type { Compute } from '../protocol/ports/compute.ts'

/** Below the folder of the addon: `npm run build:gpu` puts it there, and so do the packages of the platforms. */
const PROGRAM = join('gpu', `taumesh-gpu${process.platform === 'win32' ? '.exe' : ''}`)

let opened: { compute: Compute; gpu: GpuSupervisor } | undefined

function open(): { compute: Compute; gpu: GpuSupervisor } {
  const addon = loadAddon()
  const gpu = new GpuSupervisor({ command: join(dirname(addonFile()), PROGRAM) })
  return { compute: gpuCompute(addon, gpu), gpu }
}

/** @throws NodeError NATIVE_ABSENT when the addon is not built */
export const openCompute = (): Compute => (opened ??= open()).compute

/** Ends the GPU program if it runs. The functions stay usable: naming a device starts it anew. */
export const closeCompute = async (): Promise<void> => await opened?.gpu.close()
