/** One run of `taumesh bench`: subjects in order, noise watched around each figure, everything in one report. */
import { availableParallelism } from 'node:os'
import { fromHex } from '../../protocol/bytes.ts'
import { NodeError } from '../../protocol/errors.ts'
import type { BenchEvent, BenchRequest } from '../../protocol/ports/bench.ts'
import type { Compute } from '../../protocol/ports/compute.ts'
import type { Signer } from '../../protocol/ports/platform.ts'
import {
  BENCH_FORMAT,
  BENCH_SUBJECTS,
  type BenchMetricView,
  type BenchProofView,
  type BenchReportView,
} from '../../protocol/views/bench.ts'
import { demandBackend } from './backends.ts'
import { describeMachine } from './machine.ts'
import type { BenchContext } from './measure.ts'
import { NoiseWatch, warningsOf, type NoiseSince } from './noise.ts'
import { signReport } from './report.ts'
import { subjects } from './subjects.ts'

export interface RunOptions {
  signal: AbortSignal
  onEvent: (event: BenchEvent) => void
  /** Signs the report. */
  signer?: Signer | undefined
}

const meanOf = (values: (number | null)[]): number | null => {
  const known = values.filter((one) => one !== null)
  return known.length === 0 ? null : known.reduce((sum, one) => sum + one, 0) / known.length
}

/** The whole run in one: what was worse than allowed in the mean, and the lowest clock. */
function noiseOf(watch: NoiseWatch, looks: NoiseSince[]): BenchReportView['noise'] {
  const [steal, others] = [meanOf(looks.map((one) => one.steal)), meanOf(looks.map((one) => one.others))]
  const clockLowest = Math.min(watch.clockFirst, ...looks.map(({ clock }) => clock))
  const warnings = warningsOf({ steal, others, clock: clockLowest }, watch.clockFirst, 0)
  return { load: watch.load, steal, others, clockFirst: watch.clockFirst, clockLowest, warnings }
}

/** @throws NodeError LAB_BENCH_WRONG, LAB_BENCH_BACKEND, GPU_UNAVAILABLE, NATIVE_* */
export async function runBench(request: BenchRequest, compute: Compute, { signal, onEvent, signer }: RunOptions): Promise<BenchReportView> {
  const began = performance.now()
  const { subject, backend, seconds, challenge = null } = request
  const threads = request.threads ?? availableParallelism()
  const devices = await compute.tensor.devices()
  if (backend !== undefined) demandBackend(backend, compute.pow.backends(), devices)
  const machine = describeMachine(devices)
  const watch = new NoiseWatch()
  const context: BenchContext = {
    compute,
    seconds,
    threads,
    backend,
    seed: challenge === null ? new Uint8Array(32) : fromHex(challenge),
    prove: challenge !== null,
    signal,
    onBegin: (metric) => onEvent({ type: 'now', metric }),
  }
  const metrics: BenchMetricView[] = []
  const proofs: BenchProofView[] = []
  const looks: NoiseSince[] = []
  for (const name of subject === 'all' ? BENCH_SUBJECTS : [subject])
    for await (const { metric, proof } of subjects[name](context)) {
      const look = watch.look()
      looks.push(look)
      const whole = { ...metric, warnings: warningsOf(look, watch.clockFirst, metric.spread) }
      metrics.push(whole)
      if (proof !== undefined) proofs.push(proof)
      onEvent({ type: 'metric', metric: whole })
    }
  if (metrics.length === 0) throw new NodeError('LAB_BENCH_BACKEND', { backend: backend ?? '', known: `none that does ${subject}` })
  const report: BenchReportView = {
    format: BENCH_FORMAT,
    createdAt: Date.now(),
    machine,
    settings: { subject, backend: backend ?? null, threads, seconds },
    challenge,
    metrics,
    noise: noiseOf(watch, looks),
    elapsedSeconds: (performance.now() - began) / 1_000,
    proofs,
    signature: null,
  }
  return signer === undefined ? report : await signReport(report, signer)
}
