/** Reports as people read them: what was checked and what was not, and the course of a metric. */
import { expect, test } from 'vitest'
import { courseText, reportText } from '../../../src/cli/bench-text.ts'
import { reportId, summaryOf } from '../../../src/lab/bench/report.ts'
import type { BenchReportView } from '../../../src/protocol/views/bench.ts'
import { benchMetric, benchParts, benchReport } from '../../support/bench.ts'

test('a report says of which figures the answers were checked', () => {
  const [checked, left] = [benchMetric(), benchMetric({ metric: 'mixture.shapley.16x2048', checked: false })]
  expect(reportText(benchReport(1, [checked]))).toMatch(/; every answer checked before it was timed$/m)
  expect(reportText(benchReport(1, [checked, left]))).toMatch(
    /; every answer checked before it was timed, but for mixture\.shapley\.16x2048: left to the verifier$/m,
  )
})

test('the course of a metric is of the work alone, says what disturbed it, and names what there is instead', () => {
  const proven = benchReport(2, [benchMetric({ value: 2e5, alone: 3e6, warnings: ['spread of 31.0 %'] })])
  const plain = benchReport(1, [benchMetric(), benchMetric({ metric: 'pow.verify' })])
  const summaries = [proven, plain].map((one) => summaryOf(one, benchParts.verifier))
  const line = (report: BenchReportView, value: string, noise: string): unknown =>
    expect.stringMatching(new RegExp(`^${reportId(report)} .* avx2 +${value} MH/s +± 1\\.0 %${noise}$`))
  const [, ...rows] = courseText(summaries, 'pow.hashrate')
    .split('\n')
    .map((row) => row.trimEnd())
  expect(rows).toEqual([line(proven, '3\\.00', ' +spread of 31\\.0 %'), line(plain, '1\\.00', '')])
  expect(courseText(summaries, 'abacus')).toBe('no report has abacus; there are pow.hashrate, pow.verify')
})
