/** A measuring context as small as tests need, and ways to cheat in it. */
import { createHash } from 'node:crypto'
import { describeMachine } from '../../src/lab/bench/machine.ts'
import type { BenchContext, Figure } from '../../src/lab/bench/measure.ts'
import { loadAddon } from '../../src/native/addon.ts'
import type { Compute } from '../../src/protocol/ports/compute.ts'
import type { BenchMetricView, BenchReportView } from '../../src/protocol/views/bench.ts'
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
  round: 0,
  onBegin: () => {},
  ...over,
})

/** The addon with a part replaced. */
export const computeWith = (over: Partial<Compute>): Compute => ({ ...loadAddon(), ...over })

/** What a node hands to its bench service. */
export const benchParts = { signer: testSigner(1), verifier: loadAddon().signature }

export const claimOf = ({ rounds: _rounds, units: _units, ...metric }: Figure): BenchMetricView => ({ ...metric, warnings: [] })

/** A figure as a report holds it. */
export const benchMetric = (over: Partial<BenchMetricView> = {}): BenchMetricView => ({
  metric: 'pow.hashrate',
  unit: 'H/s',
  value: 1e6,
  backend: 'avx2',
  threads: 2,
  spread: 0.01,
  checked: true,
  repetitions: 5,
  seconds: 1,
  warnings: [],
  ...over,
})

const machine = describeMachine([])
/** A report of this machine without proofs or signature. */
export const benchReport = (createdAt: number, metrics = [benchMetric()], over: Partial<BenchReportView> = {}): BenchReportView => ({
  format: 1,
  createdAt,
  machine,
  settings: { subject: 'pow', backend: null, threads: 2, seconds: 1 },
  challenge: null,
  metrics,
  noise: { load: 0, steal: 0, others: 0, clockFirst: 3, clockLowest: 3, warnings: [] },
  elapsedSeconds: 2,
  proofs: [],
  signature: null,
  ...over,
})
