/** Which names a measurement may be restricted to. */
import { expect, test } from 'vitest'
import { demandBackend } from '../../../src/lab/bench/backends.ts'
import type { DeviceInfo } from '../../../src/protocol/ports/compute.ts'

const device = (id: string, reason: string | null): DeviceInfo => ({
  id,
  backend: id.startsWith('cpu') ? 'cpu' : 'wgpu',
  name: id,
  memoryBytes: null,
  driver: null,
  features: [],
  usable: reason === null,
  reason,
})
const solvers = ['avx2', 'portable']

test('solvers and usable devices are taken, all of them at once where there are several', () => {
  const alone = [device('cpu', null)]
  const many = [...alone, device('wgpu:0', null)]
  for (const name of ['avx2', 'portable', 'cpu']) expect(() => demandBackend(name, solvers, alone)).not.toThrow()
  for (const name of ['wgpu:0', 'all']) {
    expect(() => demandBackend(name, solvers, many)).not.toThrow()
    expect(() => demandBackend(name, solvers, alone)).toThrow(expect.objectContaining({ code: 'LAB_BENCH_BACKEND' }))
  }
})

test('an unknown name is refused with the known ones, a device that cannot be used with the reason', () => {
  const devices = [device('cpu', null), device('wgpu:0', 'no driver')]
  expect(() => demandBackend('abacus', solvers, devices)).toThrow("this machine has no 'abacus'; it has: avx2, portable, cpu")
  expect(() => demandBackend('wgpu:0', solvers, devices)).toThrow('device wgpu:0 cannot be used: no driver')
})
