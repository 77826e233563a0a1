/**
 * `node test/fuzz/run.ts [--seconds 30] [--target NAME]`: builds crates/fuzz with coverage counters, links it with libFuzzer
 * and feeds every target, two at once, from the committed corpus. Prints one JSON line; a crash leaves its input in
 * `target/fuzz-findings/` and exits 1. Where the fuzzer's runtime is missing, says so and exits 0.
 */
import { spawn, spawnSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'

const root = join(import.meta.dirname, '..', '..')
const corpus = join(import.meta.dirname, 'corpus')
const findings = join(root, 'target', 'fuzz-findings')
const triple = 'x86_64-unknown-linux-gnu'
const at = join(root, 'target', 'fuzzing')
/** Debian's libclang-rt-NN-dev, newest first. */
const runtimes = ['/usr/lib/llvm-19', '/usr/lib/llvm-16', '/usr/lib/llvm-14'].flatMap((llvm) => {
  const versions = existsSync(join(llvm, 'lib', 'clang')) ? readdirSync(join(llvm, 'lib', 'clang')) : []
  return versions.map((version) => join(llvm, 'lib', 'clang', version, 'lib', 'linux', 'libclang_rt.fuzzer-x86_64.a'))
})

function must(command: string, args: string[], env: Record<string, string> = {}): void {
  const { status, stderr } = spawnSync(command, args, { cwd: root, env: { ...process.env, ...env }, encoding: 'utf8' })
  if (status !== 0) throw new Error(`${command} ${args[0] ?? ''}: ${stderr.slice(-4_000)}`)
}

/** The fuzzer's program. Coverage is recorded in every crate, dependencies included. */
function build(runtime: string): string {
  const coverage = ['inline-8bit-counters', 'pc-table', 'trace-compares'].map((what) => `-Cllvm-args=-sanitizer-coverage-${what}`)
  const flags = ['-Cpasses=sancov-module', '-Cllvm-args=-sanitizer-coverage-level=4', ...coverage]
  const args = `rustc -p fuzz --profile fuzz --lib --crate-type staticlib --target ${triple} --target-dir ${at} --locked`
  must('cargo', args.split(' '), { RUSTC_BOOTSTRAP: '1', RUSTFLAGS: flags.join(' ') })
  const program = join(at, 'feed')
  // The runtime first: its `main` is what asks for our functions.
  must('cc', [runtime, join(at, triple, 'fuzz', 'libfuzz.a'), '-o', program, ...'-lstdc++ -lpthread -ldl -lm'.split(' ')])
  return program
}

interface Run {
  target: string
  runs: number
  crashed: boolean
  output: string
}

function feed(program: string, target: string, seconds: number): Promise<Run> {
  // New inputs grow in a scratch copy: the committed corpus changes only by hand.
  const grown = mkdtempSync(join(tmpdir(), 'taumesh-fuzz-'))
  const known = join(corpus, target)
  if (existsSync(known)) cpSync(known, grown, { recursive: true })
  const limits = ['-timeout=5', '-rss_limit_mb=1024', '-max_len=16384', '-print_final_stats=1', `-artifact_prefix=${findings}/${target}-`]
  const child = spawn(program, [`--target=${target}`, `-max_total_time=${seconds}`, ...limits, grown], {
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  let output = ''
  child.stderr.on('data', (chunk: Buffer) => (output = (output + chunk.toString()).slice(-20_000)))
  return new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (code) => {
      if (keep !== undefined) must(program, [`--target=${target}`, ...limits, '-merge=1', join(keep, target), grown])
      rmSync(grown, { recursive: true, force: true })
      const runs = Number(/number_of_executed_units:\s*(\d+)/.exec(output)?.[1] ?? 0)
      resolve({ target, runs, crashed: code !== 0, output })
    })
  })
}

const { values } = parseArgs({
  options: { seconds: { type: 'string', default: '30' }, target: { type: 'string' }, keep: { type: 'string' } },
})
/** `--keep FOLDER`: adds what reached new code to a corpus there, made small. */
const keep = values.keep
const runtime = runtimes.find((path) => existsSync(path))
if (runtime === undefined) {
  console.log(JSON.stringify({ suite: 'fuzz', skipped: 'the fuzzer runtime is missing: apt-get install libclang-rt-14-dev' }))
} else {
  mkdirSync(findings, { recursive: true })
  const program = build(runtime)
  const waiting = values.target === undefined ? readdirSync(corpus).sort() : [values.target]
  if (keep !== undefined) for (const target of waiting) mkdirSync(join(keep, target), { recursive: true })
  const done: Run[] = []
  const lane = async (): Promise<void> => {
    for (let target = waiting.shift(); target !== undefined; target = waiting.shift()) {
      const run = await feed(program, target, Number(values.seconds))
      done.push(run)
      process.stderr.write(`${target}: ${run.runs} runs${run.crashed ? `\n${run.output.slice(-3_000)}` : ''}\n`)
    }
  }
  await Promise.all([lane(), lane()])
  const runs = done.reduce((sum, run) => sum + run.runs, 0)
  const crashed = done.filter((run) => run.crashed).map((run) => run.target)
  const idle = done.filter((run) => !run.crashed && run.runs === 0).map((run) => run.target)
  console.log(JSON.stringify({ suite: 'fuzz', targets: done.length, runs, crashed, idle }))
  process.exitCode = crashed.length + idle.length > 0 || done.length === 0 ? 1 : 0
}
