/** Measuring over the API: one at a time, live, cancelled when asked, and reports for whoever may read. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { api, type Api } from '../../../src/api/server.ts'
import { NodeError } from '../../../src/protocol/errors.ts'
import type { Bench, BenchEvent, BenchRequest } from '../../../src/protocol/ports/bench.ts'
import type { BenchJobView, BenchMetricView, BenchReportView } from '../../../src/protocol/views/bench.ts'
import { bob, apiParts } from '../../support/api-parts.ts'

const metric = (name: string): BenchMetricView => ({
  metric: name,
  unit: 'H/s',
  value: 12.5,
  backend: 'cpu',
  threads: 1,
  spread: 0.01,
  checked: true,
  repetitions: 3,
  seconds: 1,
  warnings: [],
})
const report: BenchReportView = {
  format: 1,
  createdAt: 1_700_000_000_000,
  machine: {
    id: 'ab'.repeat(8),
    cpu: 'a processor',
    cores: 2,
    features: ['avx2'],
    memoryBytes: 2 ** 34,
    arch: 'x64',
    system: 'Linux 6.1',
    virtual: true,
    devices: [],
    node: 'v24',
    version: '0.1.0',
    addon: null,
    commit: null,
  },
  settings: { subject: 'pow', backend: null, threads: 1, seconds: 1 },
  challenge: null,
  metrics: [metric('pow.hashrate')],
  noise: { load: 0, steal: 0, others: null, clockFirst: 3, clockLowest: 3, warnings: [] },
  elapsedSeconds: 2,
  proofs: [],
  signature: null,
}

/** A bench whose runs go on until the test ends them. */
class HandBench implements Bench {
  readonly requests: BenchRequest[] = []
  tell: (event: BenchEvent) => void = () => {}
  end: (error?: Error) => void = () => {}
  run(request: BenchRequest, { signal, onEvent }: Parameters<Bench['run']>[1]): ReturnType<Bench['run']> {
    this.requests.push(request)
    this.tell = onEvent
    const { promise, resolve, reject } = Promise.withResolvers<{ id: string; report: BenchReportView }>()
    this.end = (error) => (error === undefined ? resolve({ id: 'cd'.repeat(8), report }) : reject(error))
    signal.addEventListener('abort', () => reject(new Error('aborted')))
    return promise
  }
  async reports(limit: number): ReturnType<Bench['reports']> {
    const { proofs: _proofs, signature: _signature, format: _format, ...rest } = report
    return [{ id: 'cd'.repeat(8), ...rest, signedBy: null, proofCount: 0 }].slice(0, limit)
  }
  async report(id: string): Promise<BenchReportView> {
    if (id !== 'cd'.repeat(8) && id !== 'latest') throw new NodeError('LAB_BENCH_UNKNOWN', { report: id })
    return report
  }
  async compare(): ReturnType<Bench['compare']> {
    return { differences: [], rows: [] }
  }
}

let bench: HandBench
let server: Api
let headers: Record<string, string>
const options = { host: '127.0.0.1', port: 0, hosts: [], dashboard: null }
const build = async (given: Bench | null): Promise<void> => {
  server = await api(options, apiParts({ bench: given }))
  const token = await server.tokens.create({ role: 'operator', coldkey: bob, expiresAt: Date.now() + 60_000 })
  headers = { authorization: `Bearer ${token}` }
}
beforeEach(async () => {
  bench = new HandBench()
  await build(bench)
})
afterEach(() => server.close())

const start = (payload: object = {}) => server.server.inject({ method: 'POST', url: '/v1/bench', headers, payload })
const job = async (id: string): Promise<BenchJobView> => (await server.server.inject({ url: `/v1/bench/jobs/${id}`, headers })).json()
const code = (response: { json(): unknown }): string => (response.json() as { error: { code: string } }).error.code

describe('a measurement', () => {
  test('starts with what was asked, shows its figures as they come, and ends with a report', async () => {
    const response = await start({ subject: 'pow', seconds: 3, threads: 2, backend: 'avx2', challenge: 'ef'.repeat(32) })
    expect(response.statusCode).toBe(201)
    const { id, state } = response.json<BenchJobView>()
    expect(state).toBe('running')
    expect(bench.requests).toEqual([{ subject: 'pow', seconds: 3, threads: 2, backend: 'avx2', challenge: 'ef'.repeat(32) }])
    bench.tell({ type: 'now', metric: 'pow.hashrate', round: 1, rounds: 3 })
    bench.tell({ type: 'metric', metric: metric('pow.hashrate') })
    expect(await job(id)).toMatchObject({ state: 'running', now: 'pow.hashrate', round: 1, rounds: 3, report: null })
    for (const one of [metric('pow.verify'), { ...metric('pow.hashrate'), value: 2 }]) bench.tell({ type: 'metric', metric: one })
    expect((await job(id)).metrics).toEqual([{ ...metric('pow.hashrate'), value: 2 }, metric('pow.verify')])
    bench.end()
    await expect.poll(() => job(id)).toMatchObject({ state: 'done', now: null, report: 'cd'.repeat(8) })
    expect((await server.server.inject({ url: '/v1/bench/jobs', headers })).json<BenchJobView[]>().map((one) => one.id)).toEqual([id])
  })

  test('runs alone: a second one is refused until the first has ended', async () => {
    const { id } = (await start()).json<BenchJobView>()
    expect(bench.requests).toEqual([{ subject: 'all', seconds: 2 }])
    const second = await start()
    expect([second.statusCode, code(second)]).toEqual([409, 'API_BENCH_RUNNING'])
    bench.end()
    await expect.poll(() => job(id)).toMatchObject({ state: 'done' })
    expect((await start()).statusCode).toBe(201)
  })

  test('for a verifier takes longer, so that its proofs outlast the start', async () => {
    await start({ challenge: 'ef'.repeat(32) })
    expect(bench.requests).toEqual([{ subject: 'all', seconds: 20, challenge: 'ef'.repeat(32) }])
  })

  test('is cancelled for good', async () => {
    const { id } = (await start()).json<BenchJobView>()
    const cancelled = await server.server.inject({ method: 'DELETE', url: `/v1/bench/jobs/${id}`, headers })
    expect(cancelled.json<BenchJobView>().state).toBe('cancelled')
    expect((await start()).statusCode).toBe(201)
    expect(await job(id)).toMatchObject({ state: 'cancelled', report: null, error: null })
  })

  test('of what there is none names what there is', async () => {
    const refused = await start({ subject: 'abacus' })
    expect([refused.statusCode, code(refused)]).toEqual([400, 'API_REQUEST_INVALID'])
    expect(refused.body).toContain('body.subject must be equal to one of the allowed values: pow, matmul, consensus, ')
    expect(bench.requests).toEqual([])
  })

  test('that fails says why by code', async () => {
    const { id } = (await start({ backend: 'abacus' })).json<BenchJobView>()
    bench.end(new NodeError('LAB_BENCH_BACKEND', { backend: 'abacus', known: 'cpu' }))
    await expect.poll(() => job(id)).toMatchObject({ state: 'failed', error: { code: 'LAB_BENCH_BACKEND' } })
  })

  test('streams what it finds to a listener, and to one that comes late its end', async () => {
    const { id } = (await start()).json<BenchJobView>()
    const url = await server.listen()
    const listening = await fetch(`${url}/v1/bench/jobs/${id}/events`, { headers })
    expect(listening.headers.get('content-type')).toBe('text/event-stream')
    bench.tell({ type: 'now', metric: 'pow.hashrate', round: 1, rounds: 3 })
    bench.tell({ type: 'metric', metric: metric('pow.hashrate') })
    bench.end()
    const names = (text: string): string[] => [...text.matchAll(/^event: (\w+)$/gm)].map(([, name = '']) => name)
    expect(names(await listening.text())).toEqual(['job', 'now', 'metric', 'end'])
    expect(names(await (await fetch(`${url}/v1/bench/jobs/${id}/events`, { headers })).text())).toEqual(['job', 'end'])
  })

  test('is refused for what is no request, before anything starts', async () => {
    for (const payload of [
      { subject: 'everything' },
      { seconds: 0 },
      { seconds: 601 },
      { threads: 0 },
      { challenge: 'ef' },
      { backend: '../x' },
      { more: 1 },
    ]) {
      const response = await start(payload)
      expect([response.statusCode, code(response)]).toEqual([400, 'API_REQUEST_INVALID'])
    }
    expect(bench.requests).toEqual([])
    const unknown = await server.server.inject({ url: `/v1/bench/jobs/${'0'.repeat(16)}`, headers })
    expect([unknown.statusCode, code(unknown)]).toEqual([404, 'API_JOB_UNKNOWN'])
  })

  test('is stopped when the node stops', async () => {
    await start()
    let aborted = false
    await server.close()
    await build(
      Object.assign(new HandBench(), {
        run: async (_request: BenchRequest, { signal }: { signal: AbortSignal }) =>
          await new Promise<never>((_, reject) => signal.addEventListener('abort', () => ((aborted = true), reject(new Error('aborted'))))),
      }),
    )
    await start()
    await server.close()
    expect(aborted).toBe(true)
  })
})

describe('reports', () => {
  test('are read without a token on loopback, whole and in a list without proofs', async () => {
    const list = await server.server.inject({ url: '/v1/bench/reports?limit=5' })
    expect(list.json<object[]>()).toHaveLength(1)
    expect(list.json<object[]>()[0]).not.toHaveProperty('proofs')
    expect((await server.server.inject({ url: '/v1/bench/reports/latest' })).json()).toEqual(report)
    expect((await server.server.inject({ url: '/v1/bench/comparisons?before=previous&after=latest' })).json()).toEqual({
      differences: [],
      rows: [],
    })
    const unknown = await server.server.inject({ url: `/v1/bench/reports/${'0'.repeat(16)}` })
    expect([unknown.statusCode, code(unknown)]).toEqual([404, 'LAB_BENCH_UNKNOWN'])
    expect((await server.server.inject({ url: '/v1/bench/reports/..%2F..%2Fx' })).statusCode).toBe(400)
  })

  test('and measuring are refused by name on a node that does not measure', async () => {
    await server.close()
    await build(null)
    expect(code(await start())).toBe('API_NO_BENCH')
    expect(code(await server.server.inject({ url: '/v1/bench/reports' }))).toBe('API_NO_BENCH')
  })

  test('stand in the OpenAPI document with their proofs', async () => {
    const document = (await server.server.inject({ url: '/openapi.json' })).body
    for (const word of ['/v1/bench/reports/{id}', 'repetitions', 'checkpoints', 'nonces', 'hypervisor']) expect(document).toContain(word)
  })
})
