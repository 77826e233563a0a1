/** GPU programs to supervise in tests: the scripted one in TypeScript, and the real one with its fake device where it is built. */
import { existsSync } from 'node:fs'
import type { GpuProgram } from '../../src/native/gpu/options.ts'
import type { FakeScript } from './fake-gpu.ts'

const FAKE = new URL('fake-gpu.ts', import.meta.url).pathname
const REAL = new URL(`../../src/native/gpu/taumesh-gpu${process.platform === 'win32' ? '.exe' : ''}`, import.meta.url).pathname

/** Whether `npm run build:gpu` has been run. */
export const isGpuProgramBuilt = existsSync(REAL)

export const fakeProgram = (script: FakeScript = {}): GpuProgram => ({
  command: process.execPath,
  args: [FAKE],
  env: { ...process.env, TAUMESH_GPU_FAKE: JSON.stringify(script) },
})

/** The real program with its own fake device, which knows `calls` and the deeds of a driver. */
export const realProgram = (script: Pick<FakeScript, 'calls'> = {}): GpuProgram => ({
  command: REAL,
  env: { ...process.env, TAUMESH_GPU_FAKE: JSON.stringify(script) },
})

/** The real program with the devices of this machine, software renderers included. */
export const realDevices: GpuProgram = { command: REAL, env: { ...process.env, TAUMESH_GPU_SOFTWARE: '1' } }
