/** kill -9 of the whole program; `TAUMESH_KILL_NODE_ROUNDS` sets how often. */
import { expect, test } from 'vitest'
import { killNode } from './kill-node-run.ts'

const rounds = Number(process.env['TAUMESH_KILL_NODE_ROUNDS'] ?? 3)
const seed = Number(process.env['TAUMESH_SEED'] ?? 1)

test(
  `no acknowledged transaction is lost or applied twice when the whole node is killed (${rounds} kills, seed ${seed})`,
  async () => {
    const report = await killNode({ rounds, seed, args: ['--miners', '2', '--validators', '1'] })
    expect(report).toMatchObject({ rounds, lost: 0, duplicated: 0 })
    expect(report.acknowledged).toBeGreaterThan(0)
  },
  60_000 + rounds * 60_000,
)
