/** Proof-of-work jobs: start, watch, cancel. The seal that is found is shown; nothing is submitted. */
import { Type } from 'typebox'
import { fromHex, toHex } from '../protocol/bytes.ts'
import { NodeError } from '../protocol/errors.ts'
import { decodeSs58 } from '../protocol/ss58.ts'
import { PowJobView } from '../protocol/views/node.ts'
import { Address, address, Amount } from '../protocol/views/text.ts'
import type { PowSolution } from '../protocol/ports/compute.ts'
import type { RouteParts, Server } from './parts.ts'

const RUNNING_MAX = 4
const KEPT_MAX = 100
/** A solver's name, a device's id, or `all`; absent: the fastest solver of the CPU. */
const Backend = Type.String({ pattern: '^[a-z0-9:-]{1,32}$' })

interface Job {
  id: string
  netuid: number
  hotkey: Uint8Array
  difficulty: bigint
  block: number
  began: number
  hashes: number
  seconds: number
  state: PowJobView['state']
  solution: PowSolution | null
  error: string | null
  backend: string | null
  fallback: string | null
  stop: AbortController
}

const viewOf = (job: Job): PowJobView => {
  const rate = job.seconds > 0 ? job.hashes / job.seconds : 0
  return {
    id: job.id,
    state: job.state,
    netuid: job.netuid,
    hotkey: address(toHex(job.hotkey)),
    difficulty: job.difficulty.toString(),
    block: job.block,
    hashes: job.hashes,
    hashesPerSecond: rate,
    seconds: job.seconds,
    expectedSeconds: rate > 0 ? Number(job.difficulty) / rate : null,
    solution: job.solution && { nonce: job.solution.nonce.toString(), seal: toHex(job.solution.seal) },
    error: job.error,
    backend: job.backend,
    fallback: job.fallback,
  }
}

export function powRoutes(server: Server, { compute, ledger, clock, random }: RouteParts): void {
  const jobs = new Map<string, Job>()
  const params = Type.Object({ id: Type.String({ pattern: '^[0-9a-f]{16}$' }) })
  const find = (id: string): Job => {
    const job = jobs.get(id)
    if (job === undefined) throw new NodeError('LEDGER_NOT_FOUND', { what: `job ${id}` })
    return job
  }
  const run = async (job: Job, blockHash: Uint8Array): Promise<void> => {
    try {
      job.solution = await compute.pow.solve(
        { blockHash, hotkey: job.hotkey, difficulty: job.difficulty, ...(job.backend !== null && { backend: job.backend }) },
        {
          signal: job.stop.signal,
          onFallback: (reason) => (job.fallback = reason),
          onProgress: (hashes) => {
            job.hashes = hashes
            job.seconds = (clock.monotonic() - job.began) / 1000
          },
        },
      )
      job.hashes = job.solution.hashes
      job.seconds = job.solution.seconds
      job.state = 'solved'
    } catch (error) {
      job.state = job.stop.signal.aborted ? 'cancelled' : 'failed'
      job.error = error instanceof Error ? error.message : String(error)
    }
  }
  server.addHook('onClose', () => {
    for (const job of jobs.values()) job.stop.abort()
  })
  server.get('/v1/pow/jobs', {
    schema: { summary: 'Proof-of-work jobs, newest first.', tags: ['pow'], response: { 200: Type.Array(PowJobView) } },
    handler: () => [...jobs.values()].reverse().map(viewOf),
  })
  server.post('/v1/pow/jobs', {
    schema: {
      summary: 'Start a search for a registration seal over the head block.',
      tags: ['pow'],
      body: Type.Object(
        {
          netuid: Type.Integer({ minimum: 0, maximum: 65_535 }),
          hotkey: Address,
          difficulty: Type.Optional(Amount),
          backend: Type.Optional(Backend),
        },
        { additionalProperties: false },
      ),
      response: { 201: PowJobView },
    },
    handler: async ({ body }, reply) => {
      const [head, market] = await Promise.all([ledger.query('head'), ledger.query('market', body.netuid)])
      if ([...jobs.values()].filter(({ state }) => state === 'running').length >= RUNNING_MAX)
        throw new NodeError('API_JOBS_FULL', { most: RUNNING_MAX })
      const job: Job = {
        id: toHex(random.bytes(8)),
        netuid: body.netuid,
        hotkey: decodeSs58(body.hotkey),
        difficulty: body.difficulty === undefined ? market.difficulty : BigInt(body.difficulty),
        block: head.height,
        began: clock.monotonic(),
        hashes: 0,
        seconds: 0,
        state: 'running',
        solution: null,
        error: null,
        backend: body.backend ?? null,
        fallback: null,
        stop: new AbortController(),
      }
      jobs.set(job.id, job)
      for (const [id, old] of jobs) if (jobs.size > KEPT_MAX && old.state !== 'running') jobs.delete(id)
      void run(job, fromHex(head.hash))
      return reply.status(201).send(viewOf(job))
    },
  })
  server.get('/v1/pow/jobs/:id', {
    schema: { summary: 'One job with its progress.', tags: ['pow'], params, response: { 200: PowJobView } },
    handler: ({ params: { id } }) => viewOf(find(id)),
  })
  server.delete('/v1/pow/jobs/:id', {
    schema: { summary: 'Cancel a job.', tags: ['pow'], params, response: { 200: PowJobView } },
    handler: ({ params: { id } }) => {
      const job = find(id)
      job.stop.abort()
      if (job.state === 'running') job.state = 'cancelled'
      return viewOf(job)
    },
  })
}
