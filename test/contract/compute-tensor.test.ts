import { loadAddon } from '../../src/native/addon.ts'
import { tensorComputeContract } from './compute-tensor.ts'

tensorComputeContract('addon', loadAddon().tensor)
