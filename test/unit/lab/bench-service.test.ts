/** Measuring in a process of its own, as a node does it, and as the command line does it. */
import { execFile } from 'node:child_process'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { api } from '../../../src/api/server.ts'
import { benchService } from '../../../src/lab/bench/service.ts'
import type { BenchEvent } from '../../../src/protocol/ports/bench.ts'
import { encodeSs58 } from '../../../src/protocol/ss58.ts'
import { apiParts, bob } from '../../support/api-parts.ts'
import { benchParts } from '../../support/bench.ts'
import { temporaryFolder } from '../../support/folders.ts'

const hotkey = encodeSs58(benchParts.signer.publicKey)

test('a run tells its figures as they come, and its report is signed and kept', async () => {
  const bench = benchService({ dataFolder: temporaryFolder() }, benchParts)
  const events: BenchEvent[] = []
  const { id, report } = await bench.run(
    { subject: 'signature', seconds: 1, threads: 1 },
    { signal: new AbortController().signal, onEvent: (event) => events.push(event) },
  )
  const schemes = ['signature.ed25519.verify', 'signature.sr25519.verify']
  const told = events.map((event) => (event.type === 'now' ? [event.round, event.rounds, event.metric] : event.metric.metric))
  expect(told).toEqual([1, 2, 3].flatMap((round) => schemes.flatMap((scheme) => [[round, 3, scheme], scheme])))
  const figures = events.flatMap((event) => (event.type === 'metric' ? [event.metric] : []))
  for (const [i, scheme] of schemes.entries()) {
    const runs = figures.filter(({ metric }) => metric === scheme).map(({ repetitions }) => repetitions)
    expect(runs, 'each round adds to it').toEqual([...new Set(runs)].toSorted((a, b) => a - b))
    expect(report.metrics[i]?.repetitions).toBe(runs.at(-1))
  }
  expect(report.metrics.map(({ metric, threads, checked }) => [metric, threads, checked])).toEqual([
    ['signature.ed25519.verify', 1, true],
    ['signature.sr25519.verify', 1, true],
  ])
  expect(await bench.report(id)).toEqual(report)
  expect((await bench.reports(5)).map((one) => [one.id, one.signedBy, one.proofCount])).toEqual([[id, hotkey, 0]])
}, 60_000)

test('a cancelled run ends, also in the middle of work that cannot be interrupted', async () => {
  const folder = temporaryFolder()
  const stop = new AbortController()
  const { promise: measuring, resolve } = Promise.withResolvers<void>()
  const run = benchService({ dataFolder: folder }, benchParts).run(
    { subject: 'consensus', seconds: 600 },
    { signal: stop.signal, onEvent: () => resolve() },
  )
  await measuring
  stop.abort(new Error('enough'))
  await expect(run).rejects.toThrow('enough')
  expect(existsSync(join(folder, 'bench'))).toBe(false)
}, 60_000)

test('what the machine does not have is refused with what it has', async () => {
  const run = benchService({ dataFolder: temporaryFolder() }, benchParts).run(
    { subject: 'pow', seconds: 1, backend: 'abacus' },
    { signal: new AbortController().signal, onEvent: () => {} },
  )
  await expect(run).rejects.toMatchObject({ code: 'LAB_BENCH_BACKEND', message: expect.stringContaining('portable') })
}, 60_000)

const cli = async (...args: string[]): Promise<{ stdout: string; code: number }> =>
  await promisify(execFile)(process.execPath, ['src/cli/main.ts', 'bench', ...args]).then(
    ({ stdout }) => ({ stdout, code: 0 }),
    (error: { stdout: string; code: number }) => ({ stdout: error.stdout, code: error.code }),
  )

test('the commands: challenge, signed report, verification, history, comparison', async () => {
  const data = temporaryFolder()
  const [challengeFile, reportFile] = [join(data, 'challenge.json'), join(data, 'report.json')]
  await promisify(execFile)(process.execPath, ['src/cli/main.ts', 'wallet', 'create', 'w', '--unencrypted', '--data', data])
  await promisify(execFile)(process.execPath, ['src/cli/main.ts', 'wallet', 'create', 'w', '--hotkey', 'h', '--data', data])
  const challenge = (await cli('verify', '--issue', challengeFile)).stdout.trim()
  const asked = ['--challenge', challenge, '--report', reportFile, '--sign', '--wallet', 'w', '--hotkey', 'h', '--data', data]
  const { stdout, code } = await cli('signature', '--seconds', '1', '--json', ...asked)
  expect(code).toBe(0)
  const lines = stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as object)
  expect(lines).toHaveLength(2)
  for (const line of lines) expect(Object.keys(line)).toEqual(['metric', 'unit', 'value', 'backend', 'threads', 'spread', 'checked'])
  expect(JSON.parse(readFileSync(reportFile, 'utf8'))).toMatchObject({ challenge, format: 1 })

  const verified = await cli('verify', reportFile, '--challenge', challengeFile, '--json')
  expect(JSON.parse(verified.stdout)).toMatchObject({ ok: true, wrong: [], metrics: [{ status: 'claimed' }, { status: 'claimed' }] })
  expect(verified.code).toBe(0)
  await cli('verify', '--issue', join(data, 'other.json'))
  const foreign = await cli('verify', reportFile, '--challenge', join(data, 'other.json'), '--json')
  expect([foreign.code, JSON.parse(foreign.stdout)]).toMatchObject([
    1,
    { ok: false, wrong: expect.arrayContaining(['the report answers another challenge']) },
  ])

  const [newest] = JSON.parse((await cli('history', '--data', data, '--json')).stdout) as { id: string }[]
  expect(newest?.id).toBe((JSON.parse(verified.stdout) as { report: string }).report)
  const compared = JSON.parse((await cli('compare', reportFile, 'latest', '--data', data, '--json')).stdout) as {
    rows: { ratio: number; verdict: string }[]
  }
  expect(compared.rows.map(({ ratio, verdict }) => [ratio, verdict])).toEqual([
    [1, 'same'],
    [1, 'same'],
  ])
}, 120_000)

test('a running node proves its rate to whoever asks, signed by its hotkey', async () => {
  const data = temporaryFolder()
  const server = await api(
    { host: '127.0.0.1', port: 0, hosts: [], dashboard: null },
    apiParts({ bench: benchService({ dataFolder: data }, benchParts) }),
  )
  try {
    const token = await server.tokens.create({ role: 'operator', coldkey: bob, expiresAt: Date.now() + 60_000 })
    writeFileSync(join(data, 'api.token'), token)
    const node = await server.listen()
    const asked = [
      '--ask',
      '--node',
      node,
      '--data',
      data,
      '--seconds',
      '4',
      '--backend',
      'portable',
      '--tolerance',
      '80',
      '--hotkey',
      hotkey,
    ]
    const { stdout, code } = await cli('verify', ...asked, '--json')
    expect(JSON.parse(stdout)).toMatchObject({
      ok: true,
      signedBy: hotkey,
      wrong: [],
      metrics: [{ metric: 'pow.hashrate', status: 'proven' }, { status: 'proven' }],
    })
    expect(code).toBe(0)
  } finally {
    await server.close()
  }
}, 120_000)
