/** One run of `taumesh bench`: subjects in order, round after round, noise watched around each figure, everything in one report. */
import { availableParallelism } from 'node:os'
import { fromHex } from '../../protocol/bytes.ts'
import { NodeError } from '../../protocol/errors.ts'
import type { BenchEvent, BenchRequest } from '../../protocol/ports/bench.ts'
import type { Compute } from '../../protocol/ports/compute.ts'
import type { Signer } from '../../protocol/ports/platform.ts'
import { BENCH_FORMAT, BENCH_SUBJECTS, type BenchProofView, type BenchReportView } from '../../protocol/views/bench.ts'
import { demandBackend } from './backends.ts'
import { describeMachine } from './machine.ts'
import type { BenchContext } from './measure.ts'
import { NoiseWatch } from './noise.ts'
import { signReport } from './report.ts'
import { Rounds } from './rounds.ts'
import { subjects } from './subjects.ts'

export interface RunOptions {
  signal: AbortSignal
  onEvent: (event: BenchEvent) => void
  /** Signs the report. */
  signer?: Signer | undefined
}

/**
 * A figure is measured in so many rounds, each over all that is asked for, with new inputs in new memory, and with its share of the time. One
 * stretch says too little: for seconds all is half as fast (products of bf16, n = 256: 400 GFLOP/s in one run and 731 in another, each within
 * 4 %), and where memory lies decides whether a large product fits into the last cache (int8, n = 2,048: 1.0 or 1.75 TFLOP/s in one process
 * or another). What is proven is one chain, and measured in one.
 */
const ROUNDS = { plain: 3, proven: 1 }

/** @throws NodeError LAB_BENCH_WRONG, LAB_BENCH_BACKEND, GPU_UNAVAILABLE, NATIVE_* */
export async function runBench(request: BenchRequest, compute: Compute, { signal, onEvent, signer }: RunOptions): Promise<BenchReportView> {
  const began = performance.now()
  const { subject, backend, seconds, challenge = null } = request
  const threads = request.threads ?? availableParallelism()
  const devices = await compute.tensor.devices()
  if (backend !== undefined) demandBackend(backend, compute.pow.backends(), devices)
  const machine = describeMachine(devices)
  const rounds = ROUNDS[challenge === null ? 'plain' : 'proven']
  const figures = new Rounds(new NoiseWatch())
  const context: Omit<BenchContext, 'round' | 'onBegin'> = {
    compute,
    seconds: seconds / rounds,
    threads,
    backend,
    seed: challenge === null ? new Uint8Array(32) : fromHex(challenge),
    prove: challenge !== null,
    signal,
  }
  const proofs: BenchProofView[] = []
  for (let round = 0; round < rounds; round++) {
    const onBegin = (metric: string): void => onEvent({ type: 'now', metric, round: round + 1, rounds })
    for (const name of subject === 'all' ? BENCH_SUBJECTS : [subject])
      for await (const { metric, proof } of subjects[name]({ ...context, round, onBegin })) {
        if (proof !== undefined) proofs.push(proof)
        onEvent({ type: 'metric', metric: figures.add(metric) })
      }
  }
  const metrics = figures.metrics()
  if (metrics.length === 0) throw new NodeError('LAB_BENCH_BACKEND', { backend: backend ?? '', known: `none that does ${subject}` })
  const report: BenchReportView = {
    format: BENCH_FORMAT,
    createdAt: Date.now(),
    machine,
    settings: { subject, backend: backend ?? null, threads, seconds },
    challenge,
    metrics,
    noise: figures.noise(),
    elapsedSeconds: (performance.now() - began) / 1_000,
    proofs,
    signature: null,
  }
  return signer === undefined ? report : await signReport(report, signer)
}
