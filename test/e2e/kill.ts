/** `node test/e2e/kill.ts --rounds 200 [--seed N] [--keep FOLDER]`: the kill test as a program; prints one JSON line, exits 1 on any failure. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { killRun } from './kill-run.ts'

const { values } = parseArgs({
  options: { rounds: { type: 'string', default: '200' }, seed: { type: 'string' }, keep: { type: 'string' } },
})
const seed = Number(values.seed ?? Math.floor(Math.random() * 2 ** 31))
const path = values.keep ?? mkdtempSync(join(tmpdir(), 'taumesh-kill-'))
const report = await killRun({ path, rounds: Number(values.rounds), seed }, (round) => {
  if ((round + 1) % 20 === 0) process.stderr.write(`${round + 1} of ${values.rounds}\n`)
})
if (values.keep === undefined) rmSync(path, { recursive: true, force: true })
process.stdout.write(`${JSON.stringify(report)}\n`)
const { lost, duplicated, rootsDiffering, failures, acknowledged, readyCpuMs } = report
process.exitCode = lost + duplicated + rootsDiffering + failures.length === 0 && acknowledged > 0 && readyCpuMs.max <= 5_000 ? 0 : 1
