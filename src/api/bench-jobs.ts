/** Measurements that were started over the API: one runs at a time, the last few are remembered, listeners hear how they go. */
import { toHex } from '../protocol/bytes.ts'
import { NodeError } from '../protocol/errors.ts'
import type { Bench, BenchEvent, BenchRequest } from '../protocol/ports/bench.ts'
import type { Clock, Random } from '../protocol/ports/platform.ts'
import type { BenchJobView, BenchMetricView } from '../protocol/views/bench.ts'
import { asNodeError } from './errors.ts'

const KEPT_MAX = 50

interface Job {
  view: BenchJobView
  stop: AbortController
  listeners: Set<(event: BenchEvent | { type: 'end' }) => void>
}

/** The figures with one more, or with one as it stands now. */
function withFigure(figures: BenchMetricView[], figure: BenchMetricView): BenchMetricView[] {
  const at = figures.findIndex(({ metric, backend }) => metric === figure.metric && backend === figure.backend)
  return at < 0 ? [...figures, figure] : figures.with(at, figure)
}

export class BenchJobs {
  readonly #jobs = new Map<string, Job>()
  readonly #parts: { bench: Bench | null; clock: Clock; random: Random }

  constructor(parts: { bench: Bench | null; clock: Clock; random: Random }) {
    this.#parts = parts
  }

  /** @throws NodeError API_NO_BENCH, API_BENCH_RUNNING */
  start(request: BenchRequest): BenchJobView {
    const { bench, clock, random } = this.#parts
    if (bench === null) throw new NodeError('API_NO_BENCH')
    const running = [...this.#jobs.values()].find(({ view }) => view.state === 'running')
    if (running !== undefined) throw new NodeError('API_BENCH_RUNNING', { job: running.view.id })
    const job: Job = {
      view: {
        id: toHex(random.bytes(8)),
        state: 'running',
        subject: request.subject,
        startedAt: clock.now(),
        now: null,
        round: 0,
        rounds: 0,
        metrics: [],
        report: null,
        error: null,
      },
      stop: new AbortController(),
      listeners: new Set(),
    }
    this.#jobs.set(job.view.id, job)
    for (const id of this.#jobs.keys()) if (this.#jobs.size > KEPT_MAX) this.#jobs.delete(id)
    void this.#run(bench, job, request)
    return job.view
  }

  /** Newest first. */
  list(): BenchJobView[] {
    return [...this.#jobs.values()].map(({ view }) => view).reverse()
  }

  /** @throws NodeError API_JOB_UNKNOWN */
  find(id: string): BenchJobView {
    return this.#job(id).view
  }

  /** Stops a job; one that has ended stays as it is. @throws NodeError API_JOB_UNKNOWN */
  cancel(id: string): BenchJobView {
    const { view, stop } = this.#job(id)
    if (view.state === 'running') view.state = 'cancelled'
    stop.abort()
    return view
  }

  /** Tells each event until the signal aborts or the job ends (the last one is `end`). @throws NodeError API_JOB_UNKNOWN */
  listen(id: string, listener: (event: BenchEvent | { type: 'end' }) => void, signal: AbortSignal): void {
    const { view, listeners } = this.#job(id)
    if (view.state !== 'running') {
      listener({ type: 'end' })
      return
    }
    listeners.add(listener)
    signal.addEventListener('abort', () => listeners.delete(listener), { once: true })
  }

  close(): void {
    for (const { stop } of this.#jobs.values()) stop.abort()
  }

  #job(id: string): Job {
    const job = this.#jobs.get(id)
    if (job === undefined) throw new NodeError('API_JOB_UNKNOWN', { id })
    return job
  }

  async #run(bench: Bench, { view, stop, listeners }: Job, request: BenchRequest): Promise<void> {
    const tell = (event: BenchEvent | { type: 'end' }): void => listeners.forEach((listener) => listener(event))
    try {
      const { id } = await bench.run(request, {
        signal: stop.signal,
        onEvent(event) {
          if (event.type === 'now') Object.assign(view, { now: event.metric, round: event.round, rounds: event.rounds })
          else view.metrics = withFigure(view.metrics, event.metric)
          tell(event)
        },
      })
      view.report = id
      view.state = 'done'
    } catch (thrown) {
      if (!stop.signal.aborted) {
        const error = asNodeError(thrown)
        view.state = 'failed'
        view.error = { code: error.code, message: error.message }
      }
    }
    view.now = null
    tell({ type: 'end' })
    listeners.clear()
  }
}
