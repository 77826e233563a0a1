/** Measuring this machine: start, watch live, cancel, and the reports that are kept. */
import { Type } from 'typebox'
import { NodeError } from '../protocol/errors.ts'
import {
  BENCH_SECONDS,
  BenchComparisonView,
  BenchJobView,
  BenchReportView,
  BenchRequestView,
  BenchSummaryView,
} from '../protocol/views/bench.ts'
import type { Bench } from '../protocol/ports/bench.ts'
import { BenchJobs } from './bench-jobs.ts'
import type { RouteParts, Server } from './parts.ts'

const LISTENERS_MAX = 16

function jobRoutes(server: Server, jobs: BenchJobs): void {
  const params = Type.Object({ id: Type.String({ pattern: '^[0-9a-f]{16}$' }) })
  server.post('/v1/bench', {
    schema: {
      summary: 'Measure this machine; one measurement runs at a time, in a process of its own.',
      description:
        "The report is signed by the node's hotkey. With a `challenge` (32 bytes, hex) it carries proofs that `taumesh bench verify` checks.",
      tags: ['bench'],
      body: BenchRequestView,
      response: { 201: BenchJobView },
    },
    handler: async ({ body }, reply) => {
      const { subject = 'all', seconds = BENCH_SECONDS[body.challenge === undefined ? 'plain' : 'proven'], ...rest } = body
      return reply.status(201).send(jobs.start({ subject, seconds, ...rest }))
    },
  })
  server.get('/v1/bench/jobs', {
    schema: { summary: 'Measurements since the node started, newest first.', tags: ['bench'], response: { 200: Type.Array(BenchJobView) } },
    handler: () => jobs.list(),
  })
  server.get('/v1/bench/jobs/:id', {
    schema: { summary: 'One measurement with what it found so far.', tags: ['bench'], params, response: { 200: BenchJobView } },
    handler: ({ params: { id } }) => jobs.find(id),
  })
  server.delete('/v1/bench/jobs/:id', {
    schema: { summary: 'Cancel a measurement.', tags: ['bench'], params, response: { 200: BenchJobView } },
    handler: ({ params: { id } }) => jobs.cancel(id),
  })
  let listeners = 0
  server.get('/v1/bench/jobs/:id/events', {
    schema: {
      summary: 'Server-sent events of one measurement: job (as it stands), now, metric (as it stands after a round), end.',
      tags: ['bench'],
      params,
    },
    handler: (request, reply) => {
      const { id } = request.params
      const view = jobs.find(id)
      if (listeners >= LISTENERS_MAX) throw new NodeError('API_OVERLOADED')
      const gone = new AbortController()
      const { raw } = reply
      listeners++
      raw.once('close', () => {
        listeners--
        gone.abort()
      })
      void reply.hijack()
      raw.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' })
      const send = (name: string, value: unknown): void => void raw.write(`event: ${name}\ndata: ${JSON.stringify(value)}\n\n`)
      send('job', view)
      jobs.listen(
        id,
        (event) => {
          if (event.type === 'now') send('now', { metric: event.metric, round: event.round, rounds: event.rounds })
          else if (event.type === 'metric') send('metric', event.metric)
          else {
            send('end', jobs.find(id))
            raw.end()
          }
        },
        gone.signal,
      )
    },
  })
}

const Name = Type.String({ pattern: '^(?:[0-9a-f]{16}|latest|previous)$', description: 'Id of a report, latest or previous.' })

function reportRoutes(server: Server, bench: Bench | null): void {
  const measuring = (): Bench => {
    if (bench === null) throw new NodeError('API_NO_BENCH')
    return bench
  }
  server.get('/v1/bench/reports', {
    schema: {
      summary: 'Reports of this machine without their proofs, newest first.',
      tags: ['bench'],
      querystring: Type.Object({ limit: Type.Integer({ minimum: 1, maximum: 200, default: 50 }) }),
      response: { 200: Type.Array(BenchSummaryView) },
    },
    handler: async ({ query }) => await measuring().reports(query.limit),
  })
  server.get('/v1/bench/reports/:id', {
    schema: {
      summary: 'One report, whole: what `taumesh bench verify` and `compare` read.',
      tags: ['bench'],
      params: Type.Object({ id: Name }),
      response: { 200: BenchReportView },
    },
    handler: async ({ params: { id } }) => await measuring().report(id),
  })
  server.get('/v1/bench/comparisons', {
    schema: {
      summary: 'Two reports side by side, with what their own noise explains.',
      tags: ['bench'],
      querystring: Type.Object({ before: Name, after: Name }),
      response: { 200: BenchComparisonView },
    },
    handler: async ({ query: { before, after } }) => await measuring().compare(before, after),
  })
}

export function benchRoutes(server: Server, { bench, clock, random }: RouteParts): void {
  const jobs = new BenchJobs({ bench, clock, random })
  server.addHook('onClose', () => jobs.close())
  jobRoutes(server, jobs)
  reportRoutes(server, bench)
}
