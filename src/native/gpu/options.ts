/** Settings of the GPU process: how long to wait, and how often it may die. All times in milliseconds. */

/** What to run as the GPU program. */
export interface GpuProgram {
  command: string
  args?: readonly string[]
  /** All its variables; absent: those of the node. */
  env?: NodeJS.ProcessEnv
}

export const gpuDefaults = {
  /** Loading the drivers of a machine with many GPUs takes seconds. */
  helloMs: 15_000,
  /** How long a job may go without progress: shaders are compiled in the first one. */
  quietMs: 15_000,
  /** An idle program is asked this often whether it lives ... */
  pingEveryMs: 10_000,
  /** ... and must say so within this time. */
  pingMs: 5_000,
  /** After a cancel the answer is due within this time, or the kernel hangs. */
  cancelMs: 2_000,
  /** How long a program may take to end once its stdin is closed. */
  closeMs: 2_000,
  /** A program that nobody needs holds memory of the GPU: it ends after this time. */
  idleMs: 120_000,
  /** Waits before the starts after a death, the last one again and again; an answered job or list begins the row anew. */
  backoffMs: [0, 250, 1_000, 4_000, 16_000, 30_000] as readonly number[],
  /** A device under which the program died this often within `crashWindowMs` rests for `benchMs`. */
  crashesMax: 3,
  crashWindowMs: 60_000,
  benchMs: 600_000,
  /** Jobs that a device works on at a time: one computes while another's bytes travel. */
  jobsMax: 4,
  /** Jobs that may wait for a device. */
  queueMax: 4_096,
}
export type GpuOptions = typeof gpuDefaults
