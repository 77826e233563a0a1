/**
 * Measures everything and writes the README's table: `node bench/table.ts` runs `taumesh bench all`, every bench file and the
 * comparison with OpenBLAS and PyTorch, keeps what they measured in bench/results.json and writes the table from it.
 * `--from-results` only writes the table again; `--seconds S` is the time of each figure; `--no-rivals` leaves out OpenBLAS and
 * PyTorch, which are installed into a scratch folder unless `--python` names an interpreter that has them; further words choose
 * bench files.
 */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import type { BenchReportView } from '../src/protocol/views/bench.ts'
import type { Comparison } from './compare/contest.ts'
import { findPython } from './compare/python.ts'
import { withMeasured, type Race, type Results } from './readme-table.ts'

const root = join(import.meta.dirname, '..')
const RESULTS = join(root, 'bench/results.json')
const README = join(root, 'README.md')
const { values, positionals } = parseArgs({
  options: {
    'from-results': { type: 'boolean' },
    seconds: { type: 'string', default: '2' },
    rivals: { type: 'boolean', default: true },
    python: { type: 'string' },
    readme: { type: 'string', default: README },
  },
  allowPositionals: true,
  allowNegative: true,
})

/** What vitest's JSON reporter writes of benches; times in ms. */
interface VitestReport {
  testResults: {
    name: string
    assertionResults: {
      status: string
      fullName: string
      benchmarks?: { name: string; tasks: { name: string; latency: { p50: number; mad: number } }[] }[]
    }[]
  }[]
}

function run(args: string[]): void {
  console.log(`node ${args.join(' ')}`)
  const { status } = spawnSync(process.execPath, args, { cwd: root, stdio: 'inherit' })
  if (status !== 0) throw new Error(`node ${args.join(' ')} ended with ${status}`)
}

function races(report: VitestReport): Race[] {
  return report.testResults.flatMap(({ assertionResults }) =>
    assertionResults.flatMap(({ fullName, benchmarks = [] }) =>
      benchmarks.map(({ tasks }) => ({
        subject: fullName,
        runners: tasks.map(({ name, latency }) => ({
          name,
          seconds: latency.p50 / 1_000,
          // As `spreadOf` of one round: the median absolute deviation.
          spread: latency.mad / latency.p50,
        })),
      })),
    ),
  )
}

/** All cores only: the README is not the place for every number of threads. */
function rivals(scratch: string): Results['rivals'] {
  if (!values.rivals) return { leftOut: 'by --no-rivals' }
  const found = values.python === undefined ? findPython() : { python: values.python }
  if ('missing' in found) return { leftOut: found.missing }
  const file = join(scratch, 'rivals.json')
  const python = values.python === undefined ? [] : ['--python', values.python]
  run(['bench/compare/run.ts', '--threads', String(availableParallelism()), '--json', file, ...python])
  const { versions, results } = JSON.parse(readFileSync(file, 'utf8')) as Comparison
  return { versions, results }
}

function measure(): Results {
  const scratch = mkdtempSync(join(tmpdir(), 'taumesh-table-'))
  try {
    const [reportFile, racesFile] = [join(scratch, 'report.json'), join(scratch, 'races.json')]
    run(['src/cli/main.ts', 'bench', 'all', '--seconds', values.seconds, '--no-keep', '--report', reportFile])
    run([
      'node_modules/vitest/vitest.mjs',
      'bench',
      '--run',
      '--config=test/vitest.config.ts',
      '--maxWorkers=1',
      '--reporter=default',
      '--reporter=json',
      `--outputFile.json=${racesFile}`,
      ...positionals,
    ])
    const {
      proofs: _proofs,
      signature: _signature,
      challenge: _challenge,
      ...report
    } = JSON.parse(readFileSync(reportFile, 'utf8')) as BenchReportView
    const found = races(JSON.parse(readFileSync(racesFile, 'utf8')) as VitestReport).filter(({ runners }) => runners.length > 1)
    if (found.length === 0) throw new Error('no bench compared anything')
    const beside = rivals(scratch)
    const commands = [
      `taumesh bench all --seconds ${values.seconds}`,
      ['npm run bench', ...(positionals.length > 0 ? ['--', ...positionals] : [])].join(' '),
      ...('results' in beside ? ['node bench/compare/run.ts'] : []),
    ]
    return { commands, report, races: found, rivals: beside }
  } finally {
    rmSync(scratch, { recursive: true, force: true })
  }
}

if (values['from-results'] !== true) writeFileSync(RESULTS, `${JSON.stringify(measure(), null, 2)}\n`)
const results = JSON.parse(readFileSync(RESULTS, 'utf8')) as Results
writeFileSync(values.readme, withMeasured(readFileSync(values.readme, 'utf8'), results))
// Both are committed, and so are written as the formatter wants them.
run(['node_modules/oxfmt/bin/oxfmt', RESULTS, values.readme])
console.log(`wrote ${values.readme}`)
