/**
 * Where a proof is opened: places that follow from the commitment, so that whoever commits cannot choose them (Fiat and
 * Shamir). Trying many commitments until the places are kind would be cheap, so the way from commitment to places is long:
 * a chain of hashes that takes tens of milliseconds and cannot be shared out to many cores.
 */
import { hash } from 'node:crypto'
import { concat, toHex, utf8 } from '../../protocol/bytes.ts'
import type { BenchMetricView } from '../../protocol/views/bench.ts'
import { seededBytes } from './seeded.ts'

const DELAY = 65_536

type Claim = Pick<BenchMetricView, 'metric' | 'backend' | 'value' | 'repetitions' | 'seconds'>

/** The figure belongs to what is committed: it cannot be changed once the places are known. */
function delayed(seed: Uint8Array, { metric, backend, value, repetitions, seconds }: Claim, commitment: Uint8Array): Uint8Array {
  const claim = JSON.stringify([metric, backend, value, repetitions, seconds, toHex(commitment)])
  let state: Uint8Array = hash('sha256', concat(seed, utf8(claim)), 'buffer')
  for (let i = 0; i < DELAY; i++) state = hash('sha256', state, 'buffer')
  return state
}

/** `count` whole numbers in 0..below-1, repetitions allowed. */
export function places(seed: Uint8Array, claim: Claim, commitment: Uint8Array, count: number, below: number): number[] {
  const raw = new Uint32Array(seededBytes(delayed(seed, claim, commitment), 'places', 4 * count).buffer)
  return Array.from(raw, (value) => Math.floor((value / 2 ** 32) * below))
}
