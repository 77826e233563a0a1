/** Reports that are kept, compared, and told to be noisy. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { chain, clockGhz, LINKS, shortest } from '../../../src/lab/bench/clock.ts'
import { compareReports } from '../../../src/lab/bench/compare.ts'
import { history } from '../../../src/lab/bench/history.ts'
import { describeMachine } from '../../../src/lab/bench/machine.ts'
import { figure, time } from '../../../src/lab/bench/measure.ts'
import { childTicks, NoiseWatch, warningsOf } from '../../../src/lab/bench/noise.ts'
import { reportId, signReport } from '../../../src/lab/bench/report.ts'
import type { BenchMetricView } from '../../../src/protocol/views/bench.ts'
import { benchMetric as one, benchParts, benchReport as report } from '../../support/bench.ts'
import { temporaryFolder } from '../../support/folders.ts'

const { signer, verifier } = benchParts
const { machine } = report(0)

describe('the history', () => {
  test('gives reports newest first, by id, by its beginning, as latest and previous', () => {
    const kept = history(temporaryFolder(), verifier)
    expect(kept.list(10)).toEqual([])
    const made = [report(1_000), report(9_000), report(5_000)]
    const ids = made.map((each) => kept.keep(each))
    expect(ids).toEqual(made.map(reportId))
    expect(kept.list(10).map(({ createdAt }) => createdAt)).toEqual([9_000, 5_000, 1_000])
    expect(kept.list(1)).toHaveLength(1)
    expect(kept.find('latest').createdAt).toBe(9_000)
    expect(kept.find('previous').createdAt).toBe(5_000)
    expect(kept.find(ids[0]?.slice(0, 6) ?? '')).toEqual(made[0])
    for (const name of ['', 'abc', '0'.repeat(16), 'first'])
      expect(() => kept.find(name)).toThrow(expect.objectContaining({ code: 'LAB_BENCH_UNKNOWN' }))
  })

  test('takes for previous the newest before of the same machine that measured something of the same', () => {
    const kept = history(temporaryFolder(), verifier)
    const other = one({ metric: 'pow.verify' })
    const elsewhere = { machine: { ...machine, id: '0'.repeat(16) } }
    const all = [report(1, [other, one()]), report(2), report(3, [other]), report(4, [one()], elsewhere), report(5)]
    for (const each of all) kept.keep(each)
    expect(kept.find('previous').createdAt).toBe(2)
    expect(kept.find('previous', all[2]).createdAt).toBe(1)
    expect(() => kept.find('previous', all[3])).toThrow(expect.objectContaining({ code: 'LAB_BENCH_NO_PREVIOUS' }))
    expect(() => kept.find('previous', all[0])).toThrow(expect.objectContaining({ code: 'LAB_BENCH_NO_PREVIOUS' }))
  })

  test('says who signed a report, and nobody where the signature does not fit', async () => {
    const kept = history(temporaryFolder(), verifier)
    const signed = await signReport(report(1_000), signer)
    for (const one of [signed, { ...signed, createdAt: 2_000 }, report(3_000)]) kept.keep(one)
    expect(kept.list(10).map(({ signedBy }) => signedBy)).toEqual([null, null, signed.signature?.hotkey])
  })

  test('passes over damaged files and drops the oldest beyond two hundred', () => {
    const folder = temporaryFolder()
    const kept = history(folder, verifier)
    for (let i = 0; i < 203; i++) kept.keep(report(1_000 + i))
    expect(readdirSync(join(folder, 'bench'))).toHaveLength(200)
    expect(kept.list(1_000).at(-1)?.createdAt).toBe(1_003)
    writeFileSync(join(folder, 'bench', `${'9'.repeat(15)}-${'a'.repeat(16)}.json.gz`), 'damaged')
    expect(kept.find('latest').createdAt).toBe(1_202)
  })
})

test('a comparison tells faster from slower for rates and for times, and noise from both', () => {
  const timed = (value: number, over = {}): BenchMetricView => one({ metric: 'consensus.epoch.256x256', unit: 's', value, ...over })
  const rows = (before: BenchMetricView, after: BenchMetricView) => compareReports(report(1, [before]), report(2, [after])).rows
  expect(rows(one(), one({ value: 2e6 }))).toMatchObject([{ ratio: 2, verdict: 'faster' }])
  expect(rows(one(), one({ value: 5e5 }))).toMatchObject([{ ratio: 0.5, verdict: 'slower' }])
  expect(rows(timed(1), timed(0.5))).toMatchObject([{ ratio: 2, verdict: 'faster' }])
  expect(rows(timed(1), timed(2))).toMatchObject([{ ratio: 0.5, verdict: 'slower' }])
  expect(rows(one(), one({ value: 1.015e6 }))).toMatchObject([{ verdict: 'same' }])
  expect(rows(one({ spread: 0.3 }), one({ value: 1.25e6 }))).toMatchObject([{ verdict: 'same' }])
  expect(rows(one(), one({ backend: 'avx512' }))).toEqual([])
  // A proven figure has more in it than the work: that is compared alone.
  expect(rows(one(), one({ value: 2e5, alone: 2e6 }))).toMatchObject([{ before: 1e6, after: 2e6, ratio: 2, verdict: 'faster' }])
  const other = report(2, [one()], { settings: { subject: 'pow', backend: null, threads: 1, seconds: 1 } })
  expect(compareReports(report(1), other).differences).toEqual(['threads: 2 and 1'])
  expect(compareReports(report(1), report(2)).differences).toEqual([])
  const unchecked = report(2, [one({ checked: false })])
  expect(compareReports(report(1), unchecked).differences).toEqual(['pow.hashrate (avx2) checked: true and false'])
})

test('a comparison says where the clocks differ, and what disturbed either run, or a figure of both beside it', () => {
  const noisy = (clockFirst: number, ...warnings: string[]) => ({ noise: { ...report(0).noise, clockFirst, warnings } })
  const differences = (before: object, after: object) => compareReports(report(1, [one()], before), report(2, [one()], after)).differences
  expect(differences(noisy(4.14), noisy(3.95))).toEqual([])
  expect(differences(noisy(4.14), noisy(2))).toEqual(['clock: 4.14 GHz and 2.00 GHz'])
  expect(differences(noisy(2), noisy(4.14, 'others used 9 %'))).toEqual(['clock: 2.00 GHz and 4.14 GHz', 'noise after: others used 9 %'])
  expect(differences(noisy(4, 'a'), noisy(4, 'a'))).toEqual(['noise before: a', 'noise after: a'])
  const disturbed = [one({ warnings: ['spread of 31.0 %'] }), one({ metric: 'pow.verify', warnings: ['not of both'] })]
  const warned = (before: BenchMetricView[], after: BenchMetricView[]) => compareReports(report(1, before), report(2, after))
  expect(warned([one()], disturbed)).toMatchObject({ differences: [], rows: [{ warnings: ['after: spread of 31.0 %'] }] })
  expect(warned(disturbed, [one({ warnings: ['a', 'b'] })]).rows.map(({ warnings }) => warnings)).toEqual([
    ['before: spread of 31.0 %', 'after: a', 'after: b'],
  ])
})

describe('timing', () => {
  const { signal } = new AbortController()
  test('warms up once, repeats until the time is over, and ends only where it may', async () => {
    let [runs, betweens] = [0, 0]
    const times = await time(
      { seconds: 0, signal },
      () => runs++,
      () => ++betweens % 8 === 0,
    )
    expect([runs, times.length, betweens]).toEqual([8, 7, 8])
    expect(await time({ seconds: 1_000, signal, most: 4 }, () => {})).toHaveLength(4)
  })

  test('gives the event loop a turn between runs that never wait for one', async () => {
    let turned = false
    setImmediate(() => (turned = true))
    const spin = (): void => {
      for (const end = performance.now() + 2; performance.now() < end;);
    }
    await time({ seconds: 0.05, signal }, spin)
    expect(turned).toBe(true)
  })

  test('is stopped by its signal', async () => {
    const stop = new AbortController()
    const endless = time({ seconds: 1e6, signal: stop.signal }, () => stop.abort(new Error('enough')))
    await expect(endless).rejects.toThrow('enough')
  })

  const where = { backend: 'cpu', threads: 1 }
  test('gives the median, how far half of the runs are from it, and the time of all', () => {
    const times = [90, 1, 2, 3, 4]
    expect(figure('x', 's', times, null, where)).toMatchObject({ value: 3, repetitions: 5, seconds: 100, spread: 1 / 3 })
    expect(figure('x', '1/s', times, 30, where).value).toBe(10)
    expect(figure('x', 's', [1, 2], null, where).value).toBe(1.5)
  })
})

describe('noise', () => {
  test.skipIf(!existsSync('/proc/self/task'))('is not what a process does that this one started (needs Linux)', async () => {
    const burn =
      "const end = process.cpuUsage().user + 2e5; while (process.cpuUsage().user < end); console.log('burnt'); process.stdin.resume()"
    const before = childTicks()
    const child = spawn(process.execPath, ['-e', burn], { stdio: ['pipe', 'pipe', 'inherit'] })
    await once(child.stdout, 'data')
    expect(childTicks() - before).toBeGreaterThanOrEqual(20)
    child.stdin.end()
    await once(child, 'exit')
    expect(childTicks()).toBe(before)
  })

  test('is said when cores are taken away, others compute or the clock falls', () => {
    const quiet = { steal: 0, others: 0, clock: 3 }
    expect(warningsOf(quiet, 3)).toEqual([])
    expect(warningsOf({ steal: null, others: null, clock: 3 }, 3)).toEqual([])
    expect(warningsOf({ ...quiet, steal: 0.03 }, 3)).toEqual([expect.stringContaining('hypervisor')])
    expect(warningsOf({ ...quiet, others: 0.5 }, 3)).toEqual([expect.stringContaining('other processes used 50.0 %')])
    expect(warningsOf({ ...quiet, clock: 2 }, 3)).toEqual([expect.stringContaining('from 3.00 to 2.00 GHz')])
  })

  test('is not a core that takes up its clock late, nor an interruption', () => {
    const given = (times: number[]): (() => number) => {
      const left = times.values()
      return () => left.next().value ?? Number.NaN
    }
    const [idle, awake] = [Array.from({ length: 20 }, () => 10), Array.from({ length: 50 }, () => 1)]
    expect(shortest(given([...idle, 5, ...idle, ...awake]))).toBe(1)
    expect(shortest(given([...awake.slice(0, 6), 40, ...awake]))).toBe(1)
  })

  test.each([1, 3])('is not taken for a falling clock by a chain with more links than are counted (%i turns)', (turns) => {
    let value = 0
    for (let i = 0; i < turns * LINKS; i++) value = ((value ^ 0x1234_5677) + 0x1234_5677) | 0
    expect(chain(turns, 0x1234_5677)).toBe(value)
  })

  test('is measured on this machine: a plausible clock and shares of time', () => {
    const watch = new NoiseWatch()
    const until = performance.now() + 60
    while (performance.now() < until) clockGhz()
    const { steal, others, clock } = watch.look()
    for (const ghz of [clock, watch.clockFirst]) {
      expect(ghz).toBeGreaterThan(0.3)
      expect(ghz).toBeLessThan(8)
    }
    for (const share of [steal ?? 0, others ?? 0]) {
      expect(share).toBeGreaterThanOrEqual(0)
      expect(share).toBeLessThanOrEqual(1)
    }
  })
})

test('a machine has one name, which does not change between two looks', () => {
  expect(machine).toEqual(describeMachine([]))
  expect(machine.cores).toBeGreaterThan(0)
  expect(machine.id).toMatch(/^[0-9a-f]{16}$/)
  const card = {
    id: 'cuda:0',
    backend: 'cuda',
    name: 'card',
    memoryBytes: 1,
    driver: '1',
    features: [],
    usable: true,
    reason: null,
  } as const
  expect(describeMachine([{ ...card, features: [] }]).id).not.toBe(machine.id)
})
