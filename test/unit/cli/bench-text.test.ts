/** A report as people read it: it says what was checked, and what was not. */
import { expect, test } from 'vitest'
import { reportText } from '../../../src/cli/bench-text.ts'
import { benchMetric, benchReport } from '../../support/bench.ts'

test('a report says of which figures the answers were checked', () => {
  const [checked, left] = [benchMetric(), benchMetric({ metric: 'mixture.shapley.16x2048', checked: false })]
  expect(reportText(benchReport(1, [checked]))).toMatch(/; every answer checked before it was timed$/m)
  expect(reportText(benchReport(1, [checked, left]))).toMatch(
    /; every answer checked before it was timed, but for mixture\.shapley\.16x2048: left to the verifier$/m,
  )
})
