/** A challenge that a running node answers at once: nobody carries files about, so little time passes that no figure explains. */
import { randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { readReport } from '../lab/bench/verify.ts'
import type { Remote } from '../node/remote.ts'
import { NodeError } from '../protocol/errors.ts'
import type { BenchJobView, BenchReportView } from '../protocol/views/bench.ts'
import { progress } from './progress.ts'

/** Short against a measurement, long against a request. */
const POLL_MS = 200

export interface Asked {
  report: BenchReportView
  challenge: string
  issuedAt: number
  receivedAt: number
}

/** Has the node measure under a fresh challenge and waits for its report. @throws NodeError CLI_REMOTE, LAB_BENCH_REPORT */
export async function askNode(node: Remote, request: { subject: string; seconds: number; backend?: string | undefined }): Promise<Asked> {
  const challenge = randomBytes(32).toString('hex')
  const bar = progress('the node measures', 0)
  const issuedAt = Date.now()
  try {
    let job = await node.post<BenchJobView>('/v1/bench', { ...request, challenge })
    while (job.state === 'running') {
      bar.update(0, `${job.now ?? ''} (${job.metrics.length} done)`)
      await sleep(POLL_MS)
      job = await node.getWithToken<BenchJobView>(`/v1/bench/jobs/${job.id}`)
    }
    const receivedAt = Date.now()
    if (job.report === null) throw new NodeError('CLI_REMOTE', { detail: job.error?.message ?? `the measurement was ${job.state}` })
    return { report: readReport(await node.getWithToken(`/v1/bench/reports/${job.report}`)), challenge, issuedAt, receivedAt }
  } finally {
    bar.stop()
  }
}
