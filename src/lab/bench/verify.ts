/**
 * What a report is worth to whoever gave the challenge: signature, challenge, proofs, and time. A figure is proven when the
 * proven work, divided by all time that it can have taken, comes close to it. That time is the figure's own, plus whatever
 * passed between challenge and report beyond the times that the report claims: nobody knows what was done then.
 */
import { Value } from 'typebox/value'
import { fromHex } from '../../protocol/bytes.ts'
import { NodeError } from '../../protocol/errors.ts'
import type { Compute } from '../../protocol/ports/compute.ts'
import { BenchReportView, type BenchMetricView, type BenchProofView } from '../../protocol/views/bench.ts'
import { checkProducts } from './product-check.ts'
import { hasValidSignature, reportId } from './report.ts'
import { checkSeals, detection } from './seal-check.ts'
import { stepKinds } from './step-kinds.ts'
import { checkSteps } from './steps.ts'

export interface VerifyOptions {
  /** The challenge that was given, hex, and when; receivedAt is when the report came back. Unix ms. */
  challenge: string
  issuedAt: number
  receivedAt: number
  /** How far the proven figure may be below the claimed one, as a share. */
  tolerance: number
  /** Address of the hotkey that must have signed; absent = any, or none. */
  hotkey?: string | undefined
}
/** proven: work and time fit; claimed: nothing can be checked; unproven: the time is too long; false: contradicted. */
export type Status = 'proven' | 'claimed' | 'unproven' | 'false'
export interface MetricVerdict {
  metric: string
  backend: string
  unit: string
  claimed: number
  /** What the prover's own clock says without what lay between the repetitions: a claim; null where it says nothing. */
  alone: number | null
  /** What the work proves at least, given the time; null where no work is proven. */
  proven: number | null
  status: Status
  detail: string
}
export interface Verdict {
  /** Nothing false and nothing unproven. */
  ok: boolean
  report: string
  signedBy: string | null
  /** What is wrong with the report as a whole. */
  wrong: string[]
  /** Seconds between challenge and report, and those that the report's figures explain. */
  elapsed: number
  explained: number
  metrics: MetricVerdict[]
}

const keyOf = ({ metric, backend }: { metric: string; backend: string }): string => `${metric} ${backend}`
const proofKey = (proof: BenchProofView): string => keyOf({ metric: proof.metric, backend: proof.kind === 'steps' ? 'cpu' : proof.backend })

/** @throws NodeError LAB_BENCH_REPORT for what is no report at all */
export function readReport(value: unknown): BenchReportView {
  if (Value.Check(BenchReportView, value)) return value
  const first = [...Value.Errors(BenchReportView, value)][0]
  throw new NodeError('LAB_BENCH_REPORT', { detail: `${first?.instancePath ?? ''} ${first?.message ?? 'is not valid'}`.trim() })
}

function wholeReport(report: BenchReportView, options: VerifyOptions, elapsed: number, explained: number, compute: Compute): string[] {
  const wrong: string[] = []
  const { signature } = report
  if (report.challenge !== options.challenge) wrong.push('the report answers another challenge')
  if (signature === null) {
    if (options.hotkey !== undefined) wrong.push('the report is not signed')
  } else {
    if (options.hotkey !== undefined && signature.hotkey !== options.hotkey) wrong.push(`it is signed by ${signature.hotkey}`)
    if (!hasValidSignature(report, compute.signature)) wrong.push('the signature does not belong to this report')
  }
  if (explained > report.elapsedSeconds) wrong.push('the figures claim more time than the whole run')
  if (report.elapsedSeconds > elapsed)
    wrong.push(`the run claims ${report.elapsedSeconds.toFixed(1)} s, but ${elapsed.toFixed(1)} s passed since the challenge`)
  const keys = report.metrics.map(keyOf)
  if (new Set(keys).size !== keys.length) wrong.push('a figure stands twice')
  const proven = report.proofs.map(proofKey)
  if (new Set(proven).size !== proven.length) wrong.push('a proof stands twice')
  if (proven.some((key) => !keys.includes(key))) wrong.push('a proof belongs to no figure')
  if (report.metrics.some((one) => !one.checked && !proven.includes(keyOf(one)))) wrong.push('a figure was not checked and has no proof')
  if (!report.metrics.every(({ value, seconds }) => value > 0 && Number.isFinite(value) && seconds > 0)) wrong.push('a figure is no number')
  return wrong
}

interface Checked {
  wrong: string | null
  detail: string
  /** Units of work that are proven. */
  work: number
}

/** Work in the figure's own units: a figure in seconds counts runs. */
async function checkProof(claim: BenchMetricView, proof: BenchProofView, seed: Uint8Array, compute: Compute): Promise<Checked> {
  switch (proof.kind) {
    case 'seals': {
      const { hashes, detail, wrong } = checkSeals(compute.pow, proof, claim, seed)
      const found = detection((claim.value * claim.seconds) / Number(proof.difficulty), 1.2)
      return { wrong, detail: `${detail}; a rate 20 % too high is found with probability ${found.toFixed(3)}`, work: hashes }
    }
    case 'products':
      return { ...(await checkProducts(compute.tensor, proof, claim, seed)), work: claim.repetitions * 2 * proof.n ** 3 }
    case 'steps': {
      const step = stepKinds(compute, seed, claim.threads).get(proof.metric)
      if (step === undefined) return { wrong: 'no such kind of work', detail: '', work: 0 }
      return { ...(await checkSteps({ seed }, step, claim, proof)), work: claim.repetitions * (step.units ?? 1) }
    }
  }
}

/** Why a figure has no proof, where it cannot have one; null: it must have one. */
function reasonOfClaim({ metric, backend }: BenchMetricView, known: ReadonlySet<string>): string | null {
  if (metric === 'pow.hashrate' || metric.startsWith('matmul.') || known.has(metric)) return null
  if (metric.startsWith('signature.')) return 'whoever makes the signatures knows the verdicts without verifying'
  if (metric.startsWith('expert.'))
    return backend === 'cpu' ? 'rounding differs by machine; the exact figure is proven' : 'rounding differs by device'
  return 'leaves nothing to check'
}

const claimOf = ({
  metric,
  backend,
  unit,
  value,
  alone,
}: BenchMetricView): Pick<MetricVerdict, 'metric' | 'backend' | 'unit' | 'claimed' | 'alone'> => ({
  metric,
  backend,
  unit,
  claimed: value,
  alone: alone ?? null,
})

function judge(claim: BenchMetricView, { wrong, detail, work }: Checked, slack: number, tolerance: number): MetricVerdict {
  const base = claimOf(claim)
  if (wrong !== null) return { ...base, proven: null, status: 'false', detail: wrong }
  const longest = claim.seconds + slack
  const timed = claim.unit === 's'
  const proven = timed ? longest / work : work / longest
  const enough = timed ? claim.value >= proven * (1 - tolerance) : proven >= claim.value * (1 - tolerance)
  return { ...base, proven, status: enough ? 'proven' : 'unproven', detail }
}

/** Checks a report on any machine; no hardware of the prover is needed. */
export async function verifyReport(report: BenchReportView, options: VerifyOptions, compute: Compute): Promise<Verdict> {
  const elapsed = (options.receivedAt - options.issuedAt) / 1_000
  const explained = report.metrics.reduce((sum, { seconds }) => sum + seconds, 0)
  const wrong = wholeReport(report, options, elapsed, explained, compute)
  const seed = fromHex(options.challenge)
  const proofs = new Map(report.proofs.map((proof) => [proofKey(proof), proof]))
  const known = new Set(stepKinds(compute, seed, 1).keys())
  const metrics: MetricVerdict[] = []
  for (const claim of report.metrics) {
    const proof = proofs.get(keyOf(claim))
    const reason = reasonOfClaim(claim, known)
    if (proof !== undefined)
      metrics.push(judge(claim, await checkProof(claim, proof, seed, compute), Math.max(0, elapsed - explained), options.tolerance))
    else if (reason === null) metrics.push({ ...claimOf(claim), proven: null, status: 'false', detail: 'its proof is missing' })
    else metrics.push({ ...claimOf(claim), proven: null, status: 'claimed', detail: reason })
  }
  return {
    ok: wrong.length === 0 && metrics.every(({ status }) => status !== 'false' && status !== 'unproven'),
    report: reportId(report),
    signedBy: report.signature?.hotkey ?? null,
    wrong,
    elapsed,
    explained,
    metrics,
  }
}
