/**
 * `node test/sanitize/run.ts [address|thread]`: the crates' own tests under a sanitizer, after it has found a planted bug of
 * its kind. Prints one JSON line and exits 1 where anything is reported. Linux on x64 only; elsewhere it says so and exits 0.
 */
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'

const root = join(import.meta.dirname, '..', '..')
const triple = 'x86_64-unknown-linux-gnu'

interface Kind {
  bug: string
  finds: RegExp
  /** What it runs: packages and their tests, as `cargo test` has them, built together or apart. */
  tests: string[]
  options: Record<string, string>
  /**
   * It must see the standard library's own locks and joins: that is built again, from the component rust-src. Valgrind's drd
   * and helgrind cannot stand in: to them those locks, futexes, are races (18 reports and more from any correct program).
   */
  buildStd?: true
}
const kinds: Record<string, Kind> = {
  // Every crate with `unsafe` code and the fuzzer's corpus through all of them; of the GPU program what needs no driver. But the
  // addon, which Node alone can load: it converts, and the crates below do the work.
  address: {
    bug: 'use-after-free',
    finds: /AddressSanitizer: heap-use-after-free/,
    tests: ['-p consensus -p mixture -p signature@0.1.0 -p tensor -p pow -p expert -p fuzz --lib --tests', '-p gpu --lib --test frames'],
    options: { ASAN_OPTIONS: 'detect_leaks=0' },
  },
  // The crates that share memory between threads by rules of their own. rayon's queues order memory by fences, which this sanitizer
  // cannot see: products only start threads by them.
  thread: {
    bug: 'race',
    finds: /ThreadSanitizer: data race/,
    tests: ['-p pow -p tensor --lib --tests'],
    options: { TSAN_OPTIONS: 'halt_on_error=1' },
    buildStd: true,
  },
}

function run(command: string, args: string[], env: Record<string, string>): { status: number | null; output: string } {
  const { status, stdout, stderr } = spawnSync(command, args, {
    cwd: root,
    env: { ...process.env, RUSTC_BOOTSTRAP: '1', ...env },
    encoding: 'utf8',
    maxBuffer: 64 << 20,
  })
  return { status, output: `${stdout}\n${stderr}` }
}

function standardLibrary(): string {
  const { stdout } = spawnSync('rustc', ['--print', 'sysroot'], { encoding: 'utf8' })
  return join(stdout.trim(), 'lib', 'rustlib', 'src', 'rust', 'library', 'std')
}

/** What building the standard library again wants for, or null. */
function lacking(): string | null {
  if (!existsSync(standardLibrary())) return 'needs the source of the standard library: rustup component add rust-src'
  const { status, output } = run('cargo', ['fetch', '--locked', '-Zbuild-std', '--target', triple], {})
  return status === 0 ? null : `what the standard library is built from cannot be fetched: ${output.trim().split('\n').at(-1) ?? ''}`
}

function sanitize(name: string, kind: Kind): boolean {
  const at = join(root, 'target', 'sanitize', name)
  const flag = `-Zsanitizer=${name}`
  const lacks = kind.buildStd && lacking()
  if (lacks) {
    console.log(JSON.stringify({ suite: `sanitize ${name}`, skipped: lacks }))
    return true
  }
  mkdirSync(at, { recursive: true })
  // The planted bug needs no more of the standard library than its threads.
  const alone = kind.buildStd ? ['-Cunsafe-allow-abi-mismatch=sanitizer'] : []
  const planted = join(at, 'planted')
  const built = run(
    'rustc',
    ['--edition', '2024', '-g', flag, ...alone, '--target', triple, '-o', planted, join(import.meta.dirname, 'planted.rs')],
    {},
  )
  if (built.status !== 0) throw new Error(`the planted bug does not build: ${built.output.slice(-2_000)}`)
  const caught = run(planted, [kind.bug], kind.options)
  if (caught.status === 0 || !kind.finds.test(caught.output)) throw new Error(`${name}: the planted ${kind.bug} was not found`)

  const target = ['--release', '--target', triple, '--target-dir', at, '--locked', ...(kind.buildStd ? ['-Zbuild-std'] : [])]
  const env = {
    RUSTFLAGS: `${flag} -Ccodegen-units=16`,
    CARGO_PROFILE_RELEASE_LTO: 'off',
    CARGO_PROFILE_RELEASE_DEBUG: 'line-tables-only',
    ...kind.options,
  }
  let [passed, ok] = [0, true]
  for (const tests of kind.tests) {
    const { status, output } = run('cargo', ['test', ...target, ...tests.split(' ')], env)
    const counts = [...output.matchAll(/test result: \w+\. (\d+) passed/g)].map(([, count]) => Number(count))
    passed += counts.reduce((sum, count) => sum + count, 0)
    if (status === 0 && counts.length > 0) continue
    ok = false
    process.stderr.write(output.slice(-8_000))
  }
  console.log(JSON.stringify({ suite: `sanitize ${name}`, planted: 'found', passed, ok }))
  return ok && passed > 0
}

const asked = process.argv[2]
const chosen = Object.entries(kinds).filter(([name]) => asked === undefined || asked === name)
if (chosen.length === 0) throw new Error(`no sanitizer named ${asked}: one of ${Object.keys(kinds).join(', ')}`)
if (process.platform !== 'linux' || process.arch !== 'x64') {
  console.log(JSON.stringify({ suite: 'sanitize', skipped: 'sanitizers are set up for Linux on x64 only' }))
} else process.exitCode = chosen.every(([name, kind]) => sanitize(name, kind)) ? 0 : 1
