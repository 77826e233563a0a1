/** Measuring this machine, as the API sees it: one run at a time, in a process of its own, and the reports that are kept. */
import type { BenchComparisonView, BenchMetricView, BenchReportView, BenchSubject, BenchSummaryView } from '../views/bench.ts'

export interface BenchRequest {
  subject: BenchSubject
  /** One solver or device alone; absent = everything that the machine has. */
  backend?: string | undefined
  /** Absent = one per core. */
  threads?: number | undefined
  /** Time of each figure. */
  seconds: number
  /** 32 bytes of a verifier, as hex: inputs follow from them, and the report carries proofs. */
  challenge?: string | undefined
}
/** What is measured now, in which of how many rounds; a figure as it stands after a round, in the place of its state before. */
export type BenchEvent = { type: 'now'; metric: string; round: number; rounds: number } | { type: 'metric'; metric: BenchMetricView }

export interface Bench {
  /** Measures, signs by the node's hotkey and keeps the report. @throws NodeError LAB_BENCH_*, NATIVE_* */
  run(
    request: BenchRequest,
    options: { signal: AbortSignal; onEvent: (event: BenchEvent) => void },
  ): Promise<{ id: string; report: BenchReportView }>
  /** Newest first. */
  reports(limit: number): Promise<BenchSummaryView[]>
  /** @throws NodeError LAB_BENCH_UNKNOWN */
  report(id: string): Promise<BenchReportView>
  /** @throws NodeError LAB_BENCH_UNKNOWN, LAB_BENCH_NO_PREVIOUS */
  compare(before: string, after: string): Promise<BenchComparisonView>
}
