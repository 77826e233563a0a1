/** `node test/e2e/kill-node.ts --rounds 200 --seed 1`: kills the whole program so often and prints one JSON line. */
import { parseArgs } from 'node:util'
import { killNode } from './kill-node-run.ts'

const { values } = parseArgs({ options: { rounds: { type: 'string', default: '200' }, seed: { type: 'string', default: '1' } } })
const report = await killNode({
  rounds: Number(values.rounds),
  seed: Number(values.seed),
  onRound: (round, ready, acknowledged) =>
    process.stderr.write(`round ${round}: ready after ${ready.toFixed(2)} s, ${acknowledged} acknowledged\n`),
})
const { ready, ...counts } = report
const at = (q: number): number => ready[Math.min(ready.length - 1, Math.floor(q * ready.length))] ?? Number.NaN
console.log(JSON.stringify({ suite: 'kill-node', ...counts, ready_p50: at(0.5), ready_p99: at(0.99), ready_max: ready.at(-1) }))
process.exitCode = report.lost + report.duplicated === 0 && report.acknowledged > 0 ? 0 : 1
