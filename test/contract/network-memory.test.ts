import { memoryHub } from '../../src/network/memory/hub.ts'
import { realClock } from '../support/clocks.ts'
import { dialsOnly } from '../support/raw-peer.ts'
import { networkContract } from './network.ts'

networkContract('memory', async () => {
  const hub = memoryHub({ seed: 1, latencyMs: { min: 0, max: 2 } }, { clock: realClock })
  return {
    neuron: (options, parts) => hub.network(options, parts),
    carrier: async (name) => hub.carrier(name, dialsOnly),
    close: async () => hub.close(),
  }
})
