/** The measurement that runs, and the reports that are kept. */
import { useCallback, useEffect, useRef, useState } from 'preact/hooks'
import type { BenchJobView, BenchMetricView, BenchSummaryView } from '../protocol/views/bench.ts'
import { act, ApiError, eventsOf, get, storedToken, storeToken } from './client.ts'

const REPORTS_MAX = 100

export interface BenchLive {
  job: BenchJobView | null
  reports: BenchSummaryView[]
  refusal: string
  hasToken: boolean
  /** `challenge`: of a verifier, hex; then the report carries proofs. */
  start(request: { subject: string; seconds: number; challenge?: string }): void
  cancel(): void
  tokenStored(): void
}

/** The figures with one more, or with one as it stands now. */
function withFigure(figures: BenchMetricView[], figure: BenchMetricView): BenchMetricView[] {
  const at = figures.findIndex(({ metric, backend }) => metric === figure.metric && backend === figure.backend)
  return at < 0 ? [...figures, figure] : figures.with(at, figure)
}

/** Follows the running measurement, also one that another page started. */
export function useBench(): BenchLive {
  const [job, setJob] = useState<BenchJobView | null>(null)
  const [reports, setReports] = useState<BenchSummaryView[]>([])
  const [refusal, setRefusal] = useState('')
  const [hasToken, setHasToken] = useState(storedToken() !== '')
  const leaving = useRef(new AbortController())

  const refused = useCallback((error: unknown): void => {
    if (leaving.current.signal.aborted) return
    if (error instanceof ApiError && error.code === 'API_UNAUTHENTICATED') {
      storeToken('')
      setHasToken(false)
    }
    setRefusal(error instanceof Error ? error.message : String(error))
  }, [])
  const refresh = useCallback(async (): Promise<void> => {
    setReports(await get<BenchSummaryView[]>(`/v1/bench/reports?limit=${REPORTS_MAX}`))
  }, [])
  const follow = useCallback(
    async (id: string): Promise<void> => {
      for await (const { name, data } of eventsOf(`/v1/bench/jobs/${id}/events`, leaving.current.signal)) {
        if (name === 'job' || name === 'end') setJob(data as BenchJobView)
        if (name === 'now') {
          const { metric, round, rounds } = data as { metric: string; round: number; rounds: number }
          setJob((old) => old && { ...old, now: metric, round, rounds })
        }
        if (name === 'metric') setJob((old) => old && { ...old, metrics: withFigure(old.metrics, data as BenchMetricView) })
      }
      await refresh()
    },
    [refresh],
  )
  useEffect(() => {
    leaving.current = new AbortController()
    refresh().catch(refused)
    return () => leaving.current.abort()
  }, [])
  useEffect(() => {
    if (!hasToken) return
    act<BenchJobView[]>('GET', '/v1/bench/jobs')
      .then(async ([newest]) => {
        setJob(newest ?? null)
        if (newest?.state === 'running') await follow(newest.id)
      })
      .catch(refused)
  }, [hasToken])

  return {
    job,
    reports,
    refusal,
    hasToken,
    start(request) {
      setRefusal('')
      act<BenchJobView>('POST', '/v1/bench', request)
        .then(async (started) => {
          setJob(started)
          await follow(started.id)
        })
        .catch(refused)
    },
    cancel() {
      if (job !== null) act<BenchJobView>('DELETE', `/v1/bench/jobs/${job.id}`).catch(refused)
    },
    tokenStored: () => setHasToken(storedToken() !== ''),
  }
}
