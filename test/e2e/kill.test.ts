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

/** Lives of a ledger that acknowledges too early. One in six (10 of 60) is killed at an instant when nothing was promised that was not kept. */
const PLANTED_LIVES = 30

test('the kill test sees an acknowledgement that comes before its commit', { timeout: 60_000 }, async () => {
  let lost = 0
  for (let life = 0; life < PLANTED_LIVES && lost === 0; life++)
    ({ lost } = await killRun({ path: temporaryFolder(), rounds: 1, seed: testSeed() + life, planted: true }))
  expect(lost).toBeGreaterThan(0)
})
