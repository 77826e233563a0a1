import { loadAddon } from '../../src/native/addon.ts'
import { utf8 } from '../../src/protocol/bytes.ts'
import { expertComputeContract } from './compute-expert.ts'

const compute = loadAddon().expert
const artefact = await compute.fallbackArtefact([utf8('the captain saw the whale, the whale saw the captain\n'.repeat(20))])

expertComputeContract('addon', compute, [
  { spec: { kind: 'order', order: 5, match: false }, tolerance: 0 },
  { spec: { kind: 'order', order: 6, match: true }, tolerance: 0 },
  { spec: { kind: 'fallback', artefact }, tolerance: 0 },
  { spec: { kind: 'transformer', width: 32, layers: 2, heads: 2, context: 64 }, tolerance: 0 },
  { spec: { kind: 'transformer', width: 24, layers: 1, heads: 2, context: 64, exact: true }, tolerance: 0 },
  { spec: { kind: 'gru', embedding: 16, width: 32, context: 64 }, tolerance: 0 },
])
