import { afterAll } from 'vitest'
import { loadAddon } from '../../src/native/addon.ts'
import { utf8 } from '../../src/protocol/bytes.ts'
import type { ModelSpec } from '../../src/protocol/ports/compute.ts'
import { gpuScene } from '../support/gpu-scene.ts'
import { expertRefusals } from './compute-expert-refusals.ts'
import { expertComputeContract } from './compute-expert.ts'

const compute = loadAddon().expert
const artefact = await compute.fallbackArtefact([utf8('the captain saw the whale, the whale saw the captain\n'.repeat(20))])

const kinds: { spec: ModelSpec; tolerance: number }[] = [
  { spec: { kind: 'order', order: 5, match: false }, tolerance: 0 },
  { spec: { kind: 'order', order: 6, match: true }, tolerance: 0 },
  { spec: { kind: 'fallback', artefact }, tolerance: 0 },
  { spec: { kind: 'transformer', width: 32, layers: 2, heads: 2, context: 64 }, tolerance: 0 },
  { spec: { kind: 'transformer', width: 24, layers: 1, heads: 2, context: 64, exact: true }, tolerance: 0 },
  { spec: { kind: 'gru', embedding: 16, width: 32, context: 64 }, tolerance: 0 },
]

expertComputeContract('addon', compute, kinds)
expertRefusals(
  'addon',
  compute,
  kinds.map(({ spec }) => spec),
)

// What is refused never reaches a device, so none is needed.
const { compute: withDevices, gpu } = gpuScene({ command: '/nonexistent/taumesh-gpu' })
afterAll(() => gpu.close())
expertRefusals('a device', withDevices.expert, [
  { kind: 'transformer', width: 16, layers: 1, heads: 2, context: 32, device: 'fake:0' },
  { kind: 'gru', embedding: 16, width: 16, context: 32, device: 'fake:0' },
])
