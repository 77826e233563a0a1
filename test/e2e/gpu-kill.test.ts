/** kill -9 of the GPU program at random moments loses no job (P10, F15), leaves no zombie, and costs no memory. */
import { describe, expect, test } from 'vitest'
import type { GpuProgram } from '../../src/native/gpu/options.ts'
import { gpuScene, productJob, sealJob, trainingJobs, type GpuScene, type Outcome } from '../support/gpu-scene.ts'
import { fakeProgram, isGpuProgramBuilt, realProgram } from '../support/gpu-programs.ts'
import { isAlive, zombies } from '../support/processes.ts'
import { rng, testSeed } from '../support/random.ts'

/** The release figure is 1,000: TAUMESH_GPU_KILLS=1000. */
const KILLS = Number(process.env['TAUMESH_GPU_KILLS'] ?? 100)
/** Jobs at a time. */
const WORKERS = 4
const MIB = 2 ** 20

const byCpu = (jobs: readonly Outcome[]): number => jobs.filter(({ fallback }) => fallback !== null).length

/** Kills a living program after a random number of turns of the event loop, until enough have died; then the jobs may end. */
async function killer(
  { gpu }: GpuScene,
  signals: readonly NodeJS.Signals[],
  turns: (below: number) => number,
  killed: number[],
): Promise<void> {
  while (killed.length < KILLS) {
    const pid = await gpu.pid()
    if (pid !== undefined && !killed.includes(pid) && isAlive(pid)) {
      for (let left = turns(3_000); left > 0; left--) await new Promise((resolve) => setImmediate(resolve))
      process.kill(pid, signals[killed.length % signals.length])
      killed.push(pid)
    }
    await new Promise((resolve) => setTimeout(resolve, 1))
  }
}

/** Name, program, whether it runs here, whether it trains. */
describe.each<[string, () => GpuProgram, boolean, boolean]>([
  ['the scripted program', () => fakeProgram(), !isGpuProgramBuilt, false],
  ['taumesh-gpu', () => realProgram(), isGpuProgramBuilt, true],
])('%s', (name, program, runs, trains) => {
  test.skipIf(!runs)(
    `killed ${KILLS} times under load${runs ? '' : ' (the other program is taken here)'}`,
    async () => {
      // The count of crashes is what this test is about: no device may rest.
      await using scene = gpuScene(program(), { crashesMax: Infinity, quietMs: 20_000 })
      await scene.gpu.find('fake:0')
      const random = rng(testSeed())
      const killed: number[] = []
      const outcomes: Outcome[] = []
      const slices: Outcome[] = []
      const memory: number[] = []
      // No SIGSEGV from outside: the handler that Rust programs have for it lets the first one pass.
      const kills = killer(scene, ['SIGKILL', 'SIGABRT', 'SIGKILL', 'SIGILL'], (below) => random.int(below), killed)
      const models = await Promise.all(Array.from({ length: trains ? WORKERS : 0 }, () => trainingJobs(scene.compute, random)))
      const worker = async (_: unknown, index: number): Promise<void> => {
        const train = models[index]
        while (killed.length < KILLS) {
          outcomes.push(await sealJob(scene.compute, random), await productJob(scene.compute, random))
          if (train !== undefined) slices.push(await train())
          if (outcomes.length % 64 === 0) memory.push(process.memoryUsage().rss)
        }
      }
      await Promise.all([kills, ...Array.from({ length: WORKERS }, worker)])

      expect([...outcomes, ...slices].filter(({ right }) => !right)).toEqual([])
      expect(killed).toHaveLength(KILLS)
      expect(scene.gpu.starts).toBeGreaterThanOrEqual(KILLS)
      // Both ways of doing a job took part.
      expect(byCpu(outcomes)).toBeGreaterThan(0)
      expect(byCpu(outcomes)).toBeLessThan(outcomes.length)
      if (trains) expect(byCpu(slices)).toBeGreaterThan(0)
      // After the last kill the device works again, and every model goes on there from where it was.
      for (const job of [() => productJob(scene.compute, random), ...models])
        await expect.poll(() => job(), { timeout: 20_000 }).toEqual({ right: true, fallback: null })
      await scene.gpu.close()
      expect(killed.filter(isAlive)).toEqual([])
      expect(zombies()).toBe(0)
      const [early = 0, late = 0] = [memory[Math.floor(memory.length / 3)], memory.at(-1)]
      expect(late - early).toBeLessThan(64 * MIB)
      process.stdout.write(
        `${name}: ${KILLS} kills, ${outcomes.length} jobs and ${slices.length} slices of training all right, ${byCpu(outcomes)} and ${byCpu(slices)} of them by the CPU, ${scene.gpu.starts} starts, memory ${((late - early) / MIB).toFixed(1)} MiB more\n`,
      )
    },
    280_000,
  )
})
