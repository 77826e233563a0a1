/** Kill -9 under load (reliability.md S1). `TAUMESH_KILL_ROUNDS` sets how often; `node test/e2e/kill.ts --rounds 200` runs it alone. */
import { expect, test } from 'vitest'
import { temporaryFolder } from '../support/folders.ts'
import { testSeed } from '../support/random.ts'
import { killRun } from './kill-run.ts'

const rounds = Number(process.env['TAUMESH_KILL_ROUNDS'] ?? 20)

test(
  `an acknowledged transaction survives kill -9 at any instant, once, with the same root (${rounds} kills)`,
  { timeout: rounds * 5_000 },
  async () => {
    const report = await killRun({ path: temporaryFolder(), rounds, seed: testSeed() })
    console.log(JSON.stringify(report))
    expect(report.failures).toEqual([])
    expect([report.lost, report.duplicated, report.rootsDiffering]).toEqual([0, 0, 0])
    expect(report.acknowledged).toBeGreaterThan(rounds)
    expect(report.readyCpuMs.max).toBeLessThan(5_000)
  },
)

test('the kill test sees an acknowledgement that comes before its commit', { timeout: 60_000 }, async () => {
  const report = await killRun({ path: temporaryFolder(), rounds: 6, seed: testSeed(), planted: true })
  expect(report.lost).toBeGreaterThan(0)
})
