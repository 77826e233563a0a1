/** A measuring context as small as tests need, and ways to cheat in it. */
import { createHash } from 'node:crypto'
import type { BenchContext } from '../../src/lab/bench/measure.ts'
import { loadAddon } from '../../src/native/addon.ts'
import type { Compute } from '../../src/protocol/ports/compute.ts'
import type { BenchMetricView } from '../../src/protocol/views/bench.ts'
import { testSigner } from './test-signer.ts'

export const seedOf = (label: string): Uint8Array => new Uint8Array(createHash('sha256').update(label).digest())

export const benchContext = (over: Partial<BenchContext> = {}): BenchContext => ({
  compute: loadAddon(),
  seconds: 0.05,
  threads: 2,
  backend: undefined,
  seed: seedOf('challenge'),
  prove: true,
  signal: new AbortController().signal,
  onBegin: () => {},
  ...over,
})

/** The addon with a part replaced. */
export const computeWith = (over: Partial<Compute>): Compute => ({ ...loadAddon(), ...over })

/** What a node hands to its bench service. */
export const benchParts = { signer: testSigner(1), verifier: loadAddon().signature }

export const claimOf = (metric: Omit<BenchMetricView, 'warnings'>): BenchMetricView => ({ ...metric, warnings: [] })
