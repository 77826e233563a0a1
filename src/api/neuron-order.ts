/** The orders in which neurons can be listed; equals stay in the order of their uid. */
import type { Neuron } from '../protocol/ports/ledger.ts'

export const neuronSortKeys = [
  'uid',
  'stake',
  'rank',
  'trust',
  'consensus',
  'incentive',
  'dividends',
  'emission',
  'validatorTrust',
  'pruningScore',
  'lastUpdate',
  'registeredAt',
] as const
export type NeuronSortKey = (typeof neuronSortKeys)[number]

export function sortNeurons(neurons: readonly Neuron[], key: NeuronSortKey, order: 'asc' | 'desc'): Neuron[] {
  const sign = order === 'asc' ? 1 : -1
  return [...neurons].sort((a, b) => {
    const [x, y] = [a[key], b[key]]
    return x === y ? a.uid - b.uid : x < y ? -sign : sign
  })
}
