/** A signed report against its challenge: the honest one is accepted, each way of changing it is found. */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { issueChallenge, readChallenge, useChallenge } from '../../../src/lab/bench/challenge-file.ts'
import { canonicalJson, reportId, signReport } from '../../../src/lab/bench/report.ts'
import { runBench } from '../../../src/lab/bench/run.ts'
import { readReport, verifyReport, type Verdict } from '../../../src/lab/bench/verify.ts'
import { loadAddon } from '../../../src/native/addon.ts'
import { NodeError } from '../../../src/protocol/errors.ts'
import { encodeSs58 } from '../../../src/protocol/ss58.ts'
import type { BenchReportView } from '../../../src/protocol/views/bench.ts'
import { temporaryFolder } from '../../support/folders.ts'
import { testSigner } from '../../support/test-signer.ts'

const compute = loadAddon()
const signer = testSigner(1)
const hotkey = encodeSs58(signer.publicKey)
const challenge = 'c4'.repeat(32)
let report: BenchReportView
let issuedAt: number
let receivedAt: number

beforeAll(async () => {
  issuedAt = Date.now()
  report = await runBench({ subject: 'pow', backend: 'portable', seconds: 3, threads: 2, challenge }, compute, {
    signal: new AbortController().signal,
    onEvent: () => {},
    signer,
  })
  receivedAt = Date.now()
}, 120_000)

const verify = (given: BenchReportView, over: object = {}): Promise<Verdict> =>
  verifyReport(readReport(JSON.parse(JSON.stringify(given))), { challenge, issuedAt, receivedAt, tolerance: 0.8, hotkey, ...over }, compute)

describe('a report', () => {
  test('is accepted when it is honest, and says what was proven', async () => {
    const verdict = await verify(report)
    expect(verdict.wrong).toEqual([])
    expect(verdict.metrics.map(({ metric, status }) => [metric, status])).toEqual([
      ['pow.hashrate', 'proven'],
      ['pow.verify', 'proven'],
    ])
    expect(verdict).toMatchObject({ ok: true, signedBy: hotkey, report: reportId(report) })
  })

  test('whose figure, machine, time or proof was changed has a wrong signature', async () => {
    const [first, ...rest] = report.metrics
    if (first === undefined) throw new Error('nothing was measured')
    const changes: Partial<BenchReportView>[] = [
      { metrics: [{ ...first, value: first.value * 1.001 }, ...rest] },
      { machine: { ...report.machine, cpu: 'a faster one' } },
      { elapsedSeconds: report.elapsedSeconds - 0.001 },
      { createdAt: report.createdAt + 1 },
      { proofs: report.proofs.toReversed() },
      { noise: { ...report.noise, warnings: ['none'] } },
    ]
    for (const change of changes)
      expect((await verify({ ...report, ...change })).wrong).toContain('the signature does not belong to this report')
  })

  test('that is signed anew after a change is found by its proofs', async () => {
    const [first, ...rest] = report.metrics
    if (first === undefined) throw new Error('nothing was measured')
    const status = async (over: Partial<BenchReportView>): Promise<[boolean, string[], (string | undefined)[]]> => {
      const { ok, wrong, metrics } = await verify(await signReport({ ...report, ...over }, signer))
      return [ok, wrong, metrics.map((one) => one.status)]
    }
    expect(await status({})).toEqual([true, [], ['proven', 'proven']])
    expect(await status({ metrics: [{ ...first, value: first.value * 3 }, ...rest] })).toEqual([false, [], ['false', 'proven']])
    expect(await status({ proofs: report.proofs.slice(1) })).toEqual([false, [], ['false', 'proven']])
    expect((await status({ metrics: [first] }))[1]).toContain('a proof belongs to no figure')
    expect((await status({ metrics: [...report.metrics, first] }))[1]).toContain('a figure stands twice')
    expect((await status({ proofs: [...report.proofs, ...report.proofs] }))[1]).toContain('a proof stands twice')
    expect((await status({ elapsedSeconds: 1 }))[1]).toContain('the figures claim more time than the whole run')
    expect((await status({ elapsedSeconds: 1e6 }))[1][0]).toMatch(/^the run claims 1000000\.0 s/)
  })

  test('may leave to the verifier only what it proves', async () => {
    const metrics = report.metrics.map((one) => ({ ...one, checked: false }))
    const proven = await verify(await signReport({ ...report, metrics }, signer))
    expect([proven.ok, proven.wrong]).toEqual([true, []])
    const bare = await verify(await signReport({ ...report, metrics, proofs: [] }, signer))
    expect([bare.ok, bare.wrong]).toEqual([false, ['a figure was not checked and has no proof']])
  })

  test('of a slower machine, which needed more time than it says, is not proven', async () => {
    const slow = await verify(report, { issuedAt: issuedAt - 20 * (receivedAt - issuedAt) })
    expect([slow.ok, slow.wrong, slow.metrics.map(({ status }) => status)]).toEqual([false, [], ['unproven', 'unproven']])
    // It says that the same work took a tenth of the time: the seals are there, the time is not.
    const quick = report.metrics.map((one) => ({ ...one, seconds: one.seconds / 10, value: one.value * 10 }))
    const told = await verify(await signReport({ ...report, metrics: quick, elapsedSeconds: report.elapsedSeconds / 10 }, signer))
    expect(told.ok).toBe(false)
    expect(told.metrics[0]).toMatchObject({ status: 'unproven' })
  })

  test('for another challenge, by another key, or without a signature is refused', async () => {
    expect((await verify(report, { challenge: 'd5'.repeat(32) })).wrong).toContain('the report answers another challenge')
    const other = await signReport(report, testSigner(2))
    expect((await verify(other)).wrong).toContain(`it is signed by ${encodeSs58(testSigner(2).publicKey)}`)
    expect((await verify({ ...report, signature: null })).wrong).toContain('the report is not signed')
    expect((await verify({ ...report, signature: null }, { hotkey: undefined })).ok).toBe(true)
    const claimed = {
      ...report,
      signature: { ...(report.signature ?? { scheme: 'ed25519', bytes: '' }), hotkey: encodeSs58(testSigner(2).publicKey) },
    }
    expect((await verify(claimed as BenchReportView, { hotkey: undefined })).wrong).toContain(
      'the signature does not belong to this report',
    )
  })

  test('of another shape is no report', () => {
    for (const value of [null, {}, { ...report, format: 2 }, { ...report, metrics: 'none' }, { ...report, challenge: 'short' }])
      expect(() => readReport(value)).toThrow(expect.objectContaining({ code: 'LAB_BENCH_REPORT' }))
  })

  test('has the same bytes however its keys are ordered', () => {
    expect(canonicalJson({ b: [1, { d: null, c: 'x' }], a: undefined })).toBe('{"b":[1,{"c":"x","d":null}]}')
    expect(reportId(JSON.parse(JSON.stringify(report, Object.keys(report).toReversed().concat(allKeys(report)))))).toBe(reportId(report))
  })
})

/** Every key that stands anywhere in a value. */
function allKeys(value: unknown): string[] {
  if (typeof value !== 'object' || value === null) return []
  return Object.entries(value).flatMap(([key, inner]) => [key, ...allKeys(inner)])
}

describe('a challenge', () => {
  test('is fresh, dated, kept from being overwritten, and used for one report', () => {
    const path = join(temporaryFolder(), 'challenge.json')
    const made = issueChallenge(path, 1_000)
    expect(made).toMatchObject({ issuedAt: 1_000, usedBy: null, challenge: expect.stringMatching(/^[0-9a-f]{64}$/) })
    expect(() => issueChallenge(path, 2_000)).toThrow(expect.objectContaining({ code: 'CLI_FILE' }))
    expect(readChallenge(path)).toEqual(made)
    expect(useChallenge(path, 'first', 5_000)).toMatchObject({ receivedAt: 5_000 })
    // Looking at the same report again does not make it late.
    expect(useChallenge(path, 'first', 9_000)).toMatchObject({ receivedAt: 5_000 })
    expect(() => useChallenge(path, 'second', 9_000)).toThrow(expect.objectContaining({ code: 'LAB_BENCH_CHALLENGE_USED' }))
    expect(issueChallenge(join(temporaryFolder(), 'challenge.json'), 1_000).challenge).not.toBe(made.challenge)
  })

  test('that is damaged is refused by name', () => {
    const path = join(temporaryFolder(), 'challenge.json')
    for (const text of ['', '{}', '{"challenge":"00","issuedAt":1}', `{"challenge":"${'00'.repeat(32)}","issuedAt":"now"}`]) {
      writeFileSync(path, text)
      expect(() => readChallenge(path)).toThrow(NodeError)
    }
    expect(readFileSync(path, 'utf8')).not.toBe('')
  })
})
