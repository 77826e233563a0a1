/** A process that keeps a GPU program and tells its id; with `idle` it has nothing else to do, otherwise a job that never ends. */
import { GpuSupervisor } from '../../src/native/gpu/supervisor.ts'
import { fakeProgram } from './gpu-programs.ts'

const gpu = new GpuSupervisor(fakeProgram())
await gpu.devices()
process.stdout.write(`${await gpu.pid()}\n`)
if (process.argv[2] !== 'idle')
  await gpu.run('fake:0', {
    op: 'seal.search',
    fields: { inner: '00'.repeat(32), difficulty: String(2n ** 60n), start: '0', count: String(2n ** 40n) },
    quietMs: 600_000,
  })
