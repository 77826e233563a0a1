/** What a model is called, for the ledger and for people. */
import type { ModelSpec } from '../protocol/ports/compute.ts'
import type { ModelClass } from '../protocol/ports/expert.ts'

/** Upper bounds between the classes of mixture.md 1, at the geometric middle of its examples (0.18 M, 0.85 M, 10 M, > 100 M). */
const NANO_PARAMETERS_MAX = 300_000
const MICRO_PARAMETERS_MAX = 3_000_000
const SMALL_PARAMETERS_MAX = 30_000_000

/** The class that mixture.md 1 would give the model; a model of counts is `other`. The miner's choice: pay knows bits, not sizes. */
export function modelClass(spec: ModelSpec, parameters: number): ModelClass {
  if (spec.kind === 'order' || spec.kind === 'fallback') return 'other'
  if (parameters <= NANO_PARAMETERS_MAX) return 'nano'
  if (parameters <= MICRO_PARAMETERS_MAX) return 'micro'
  return parameters <= SMALL_PARAMETERS_MAX ? 'small' : 'base'
}

/** `order-5+match`, `transformer 64x3`, `gru 160`, `fallback`. */
export function kindText(spec: ModelSpec): string {
  switch (spec.kind) {
    case 'order':
      return `order-${spec.order}${spec.match ? '+match' : ''}`
    case 'transformer':
      return `transformer ${spec.width}x${spec.layers}`
    case 'gru':
      return `gru ${spec.width}`
    case 'fallback':
      return 'fallback'
  }
}
