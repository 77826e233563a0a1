/**
 * `node bench/compare/run.ts [subject...]`: this node's native code beside well-known rivals, in one run on one machine. Installs the rivals
 * into a scratch folder (about 7 GB for a PyTorch from PyPI, removed afterwards) unless `--python` names an interpreter that has them.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { availableParallelism, cpus, tmpdir, totalmem } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { hold, type Comparison } from './contest.ts'
import { expertSubject } from './expert.ts'
import { matmulSubject } from './matmul.ts'
import { findPython, installRivals } from './python.ts'
import type { Subject } from './subject.ts'

const subjects: Record<string, Subject> = { matmul: matmulSubject, expert: expertSubject }

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    python: { type: 'string' },
    threads: { type: 'string', default: [...new Set([1, availableParallelism()])].join(',') },
    sizes: { type: 'string' },
    only: { type: 'string', default: '' },
    rounds: { type: 'string', default: '5' },
    seconds: { type: 'string', default: '0.25' },
    json: { type: 'string' },
  },
})
const numbers = (text: string): number[] => text.split(',').map(Number)

/** An interpreter with the rivals: the one that was named, or a new environment. */
function rivalsPython(scratch: string): string {
  if (values.python !== undefined) return values.python
  const found = findPython()
  if ('missing' in found) throw new Error(found.missing)
  return installRivals(found.python, scratch)
}

function line({ name, threads, unit, standings, ratio, warnings }: Comparison['results'][number]): string {
  const [scale, prefix] = standings.some(({ rate }) => rate >= 1e9) ? [1e9, 'G'] : [1e3, 'k']
  const rates = standings.map(({ name, rate, spread }) => `${name} ${(rate / scale).toFixed(1)} ±${(spread * 100).toFixed(0)} %`)
  return [name, `${threads} threads`, `${prefix}${unit}`, ...rates, ratio === null ? '' : `ratio ${ratio.toFixed(2)}`, ...warnings].join(
    ' | ',
  )
}

const scratch = mkdtempSync(join(tmpdir(), 'taumesh-compare-'))
try {
  const python = rivalsPython(scratch)
  const sizes = values.sizes === undefined ? undefined : numbers(values.sizes)
  const parts = {
    python,
    scratch,
    folder: import.meta.dirname,
    threads: numbers(values.threads),
    sizes,
    wanted: (name: string) => name.includes(values.only),
  }
  const report: Comparison = {
    machine: { cpu: cpus()[0]?.model ?? 'unknown', cores: availableParallelism(), memoryBytes: totalmem(), node: process.version },
    versions: {},
    results: [],
  }
  for (const name of positionals.length > 0 ? positionals : Object.keys(subjects)) {
    const subject = subjects[name]
    if (subject === undefined) throw new Error(`no subject ${name}; there are ${Object.keys(subjects).join(', ')}`)
    Object.assign(report.versions, await subject.versions(parts))
    console.log(JSON.stringify({ ...report.machine, ...report.versions }))
    for await (const contest of subject.contests(parts)) {
      const result = await hold(contest, { rounds: Number(values.rounds), seconds: Number(values.seconds) })
      report.results.push(result)
      console.log(line(result))
    }
  }
  if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify(report, null, 2)}\n`)
} finally {
  rmSync(scratch, { recursive: true, force: true })
}
