/**
 * `npm test`: every suite of both languages, then one closing line with the counts. A suite that ran no case is a failure;
 * what a machine lacks is skipped by name inside the suites and counted.
 */
import { spawn } from 'node:child_process'
import { randomInt } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'

interface Counts {
  passed: number
  failed: number
  skipped: number
}

/** What vitest's JSON report says of a run, as far as it is read here. */
interface Report {
  numPassedTests: number
  numFailedTests: number
  numPendingTests: number
  numTodoTests: number
  testResults: {
    name: string
    message: string
    status: string
    assertionResults: { fullName: string; status: string; failureMessages: string[] }[]
  }[]
}

/** Said again below everything else: of a long log often only the end is kept, and a failure that has no name there is lost. */
const failures: string[] = []
/** The seed of every random case of this run, so that it can be run again. */
const seed = (process.env['TAUMESH_SEED'] ??= String(randomInt(2 ** 31)))
const root = new URL('..', import.meta.url).pathname
const scratch = mkdtempSync(join(tmpdir(), 'taumesh-test-'))

/** Runs a command with its output shown, and gives exit code and output. */
function run(command: string, args: string[]): Promise<{ code: number; output: string }> {
  return new Promise((resolve) => {
    const child = spawn(command, args, { cwd: root, stdio: ['ignore', 'pipe', 'inherit'], env: { ...process.env, FORCE_COLOR: '0' } })
    let output = ''
    child.stdout.on('data', (chunk: Buffer) => {
      output += chunk.toString()
      process.stdout.write(chunk)
    })
    child.on('error', (error) => resolve({ code: -1, output: error.message }))
    child.on('close', (code) => resolve({ code: code ?? -1, output }))
  })
}

/** Keeps a failure, with the first lines of what was said of it, for the end. */
function told(name: string, message: string): void {
  const lines = message
    .trim()
    .split('\n')
    .filter((line) => !/node_modules|at new Promise/.test(line))
    .slice(0, 12)
  failures.push([name, ...lines.map((line) => `    ${line}`)].join('\n'))
}

/** Everything but the end-to-end suites in two workers; those start whole networks and run one after the other. */
const parts = [
  ['test/unit', 'test/contract', 'test/property', 'test/sim', 'test/tidy', 'test/docs'],
  ['test/e2e', '--maxWorkers=1'],
]

async function typescript(filters: string[]): Promise<Counts> {
  const report = join(scratch, 'vitest.json')
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${report}`]
  const { code } = await run(process.execPath, [
    'node_modules/vitest/vitest.mjs',
    'run',
    '-c',
    'test/vitest.config.ts',
    ...reporters,
    ...filters,
  ])
  const json = JSON.parse(readFileSync(report, 'utf8')) as Report
  for (const file of json.testResults) {
    const cases = file.assertionResults.filter((test) => test.status === 'failed')
    for (const { fullName, failureMessages } of cases) told(`${relative(root, file.name)}: ${fullName}`, failureMessages.join('\n'))
    if (file.status === 'failed' && cases.length === 0) told(relative(root, file.name), file.message)
  }
  const counts = { passed: json.numPassedTests, failed: json.numFailedTests, skipped: json.numPendingTests + json.numTodoTests }
  // A file that cannot be loaded has no failed case, yet it is a failure; so is an error outside of every case.
  if (code !== 0 && counts.failed === 0) {
    counts.failed = 1
    told(`vitest ${filters.join(' ')}`, `ended with ${code}; its output above says why`)
  }
  return counts
}

async function rust(): Promise<Counts> {
  const { code, output } = await run('cargo', ['test', '--profile', 'checks', '--workspace', '--locked'])
  const counts = { passed: 0, failed: 0, skipped: 0 }
  for (const [, passed, failed, ignored] of output.matchAll(/test result: \w+\. (\d+) passed; (\d+) failed; (\d+) ignored/g)) {
    counts.passed += Number(passed)
    counts.failed += Number(failed)
    counts.skipped += Number(ignored)
  }
  for (const [, name, said] of output.matchAll(/^---- (.+) stdout ----\n([\s\S]*?)\n(?=\n)/gm)) told(`cargo test: ${name}`, said!)
  if (code !== 0 && counts.failed === 0) {
    counts.failed = 1
    told('cargo test', `ended with ${code}; its output above says why`)
  }
  return counts
}

const filters = process.argv.slice(2)
const suites: [name: string, counts: Counts][] = []
for (const part of filters.length === 0 ? parts : [filters]) suites.push([`typescript ${part[0]} ...`, await typescript(part)])
if (filters.length === 0) suites.push(['rust', await rust()])
rmSync(scratch, { recursive: true, force: true })

for (const failure of failures) console.log(`failed: ${failure}`)
console.log(`seed: TAUMESH_SEED=${seed}`)
for (const [name, counts] of suites) {
  if (counts.passed + counts.failed === 0) counts.failed = 1
  console.log(`${name}: ${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped`)
}
const sum = (key: keyof Counts): number => suites.reduce((total, [, counts]) => total + counts[key], 0)
console.log(`${sum('passed')} passed, ${sum('failed')} failed, ${sum('skipped')} skipped`)
process.exitCode = sum('failed') === 0 ? 0 : 1
