import * as binding from '../../src/native/binding.js'
import { expertCompute } from '../../src/native/expert.ts'
import { utf8 } from '../../src/protocol/bytes.ts'
import { expertComputeContract } from './compute-expert.ts'

const compute = expertCompute(binding)
const artefact = await compute.fallbackArtefact([utf8('the captain saw the whale, the whale saw the captain\n'.repeat(20))])

expertComputeContract('addon', compute, [
  { spec: { kind: 'order', order: 5, match: false }, tolerance: 0 },
  { spec: { kind: 'order', order: 6, match: true }, tolerance: 0 },
  { spec: { kind: 'fallback', artefact }, tolerance: 0 },
  { spec: { kind: 'transformer', width: 32, layers: 2, heads: 2, context: 64 }, tolerance: 1 },
])
