// The first step of every npm script: makes a fresh clone ready, then runs the real program under the pinned Node.
// Plain JavaScript without dependencies, because it runs before anything is installed and under any Node from 20 on.
import { spawn, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const windows = process.platform === 'win32'
const stamps = join(root, 'node_modules', '.taumesh')
const programs = {
  start: ['src/cli/main.ts', 'start', '--local'],
  cli: ['src/cli/main.ts'],
  test: ['test/run.ts'],
  setup: null,
}
/** What Node compiles is kept beside the packages, where nobody else writes: it takes a third of a short command's time. */
const programEnvironment = { NODE_COMPILE_CACHE: join(stamps, 'compiled'), ...process.env }

/** One line for a person, no stack trace: what went wrong and what to do. */
class SetupError extends Error {}

/** Text goes to stderr: stdout belongs to the program that follows. */
const say = (text) => process.stderr.write(`${text}\n`)

/** Hash of files and folders (those end in `/`), so that a step runs again only when what it reads has changed. */
function fingerprint(paths) {
  const hash = createHash('sha256')
  const addFile = (path) => hash.update(`${path}\0`).update(readFileSync(join(root, path)))
  const addFolder = (path) => {
    const entries = readdirSync(join(root, path), { withFileTypes: true }).sort((a, b) => (a.name < b.name ? -1 : 1))
    for (const entry of entries) (entry.isDirectory() ? addFolder : addFile)(join(path, entry.name))
  }
  for (const path of paths.filter((one) => existsSync(join(root, one)))) (path.endsWith('/') ? addFolder : addFile)(path)
  return hash.digest('hex')
}

const isDone = (step, mark) => existsSync(join(stamps, step)) && readFileSync(join(stamps, step), 'utf8') === mark
function done(step, mark) {
  mkdirSync(stamps, { recursive: true })
  writeFileSync(join(stamps, step), mark)
}

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP']

/**
 * Runs a tool quietly with a ticking line; its output is for the error message alone. Who is stopped meanwhile stops it too: npm,
 * left alone, would go on writing where the next try does.
 */
function run(title, command, args) {
  return new Promise((resolve, reject) => {
    const began = Date.now()
    const tty = process.stderr.isTTY
    const seconds = () => ((Date.now() - began) / 1000).toFixed(0)
    if (!tty) say(`${title} ...`)
    let stopped = false
    const stop = (signal) => {
      stopped = true
      child.kill(signal)
    }
    for (const signal of SIGNALS) process.on(signal, stop)
    const child = spawn(command, args, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'], shell: windows })
    const tick = tty && setInterval(() => process.stderr.write(`\r${title} ... ${seconds()} s `), 250)
    let output = ''
    const keep = (chunk) => (output = (output + chunk).slice(-20_000))
    child.stdout.on('data', keep)
    child.stderr.on('data', keep)
    const finish = (code) => {
      clearInterval(tick)
      for (const signal of SIGNALS) process.off(signal, stop)
      if (stopped) {
        if (tty) say('')
        reject(new SetupError(`stopped while ${title.replace(/ \(.*/, '')}. Run the command again to go on`))
        return
      }
      say(`${tty ? '\r' : ''}${title}: ${code === 0 ? `done in ${seconds()} s` : 'failed'}   `)
      resolve({ code, output })
    }
    child.on('error', (error) => {
      keep(error.message)
      finish(-1)
    })
    child.on('close', (code) => finish(code ?? -1))
  })
}

const lastLine = (output) => output.trim().split('\n').pop()

async function installPackages() {
  const mark = fingerprint(['package-lock.json', '.npmrc'])
  if (isDone('packages', mark)) return
  const args = 'ci --ignore-scripts --include=dev --include=optional --no-audit --no-fund'.split(' ')
  const { code, output } = await run('installing packages (once, about a minute)', windows ? 'npm.cmd' : 'npm', args)
  if (code !== 0) {
    const reason = output.split('\n').find((line) => /^npm (ERR!|error) (?!code|errno|syscall|path|dest)/.test(line)) ?? lastLine(output)
    throw new SetupError(`packages could not be installed: ${reason}. Check the connection to the npm registry, then run the command again`)
  }
  done('packages', mark)
}

const nodePath = () => join(root, 'node_modules', '.bin', windows ? 'node.cmd' : 'node')

/** Whether a prebuilt addon for this platform came with the packages. */
function hasPrebuiltAddon() {
  const libc = process.report?.getReport?.().header?.glibcVersionRuntime ? 'gnu' : 'musl'
  const suffix = { linux: `-${libc}`, win32: '-msvc' }[process.platform] ?? ''
  return existsSync(join(root, 'node_modules', '@taumesh', `addon-${process.platform}-${process.arch}${suffix}`))
}

/**
 * What the command line can say without the addon: help, or why a command line cannot run, by the parser of the program itself.
 * Nobody waits minutes for a build to learn of a mistyped option. Ends the process when there was such an answer.
 */
function answerAtOnce([script, ...given], args) {
  if (script !== 'src/cli/main.ts') return
  const { status, stdout } = spawnSync(nodePath(), [script, '--parse-only', ...given, ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
    shell: windows,
    env: programEnvironment,
  })
  process.stdout.write(stdout)
  if (status !== 0 || stdout.length > 0) process.exit(status ?? 1)
}

async function buildAddon(program, programArgs) {
  // The GPU program is an artefact of its own (`npm run build:gpu`): the addon does not depend on it.
  const crates = readdirSync(join(root, 'crates')).filter((name) => name !== 'gpu' && name !== 'fuzz')
  const mark = fingerprint(['Cargo.toml', 'Cargo.lock', ...crates.map((name) => `crates/${name}/`)])
  const built = readdirSync(join(root, 'src', 'native')).some((name) => name.endsWith('.node'))
  if ((built && isDone('addon', mark)) || hasPrebuiltAddon()) return
  answerAtOnce(program, programArgs)
  if (spawnSync('cargo', ['--version'], { shell: windows }).status !== 0)
    throw new SetupError(
      'Rust is missing: cargo builds the native addon. Install Rust 1.95 or newer (rustup.rs), then run the command again',
    )
  const args =
    'build --manifest-path crates/addon/Cargo.toml --output-dir src/native --platform --esm --js binding.js --dts binding.d.ts --release'
  const { code, output } = await run('building the native addon (once, a few minutes)', nodePath(), [
    'node_modules/@napi-rs/cli/dist/cli.js',
    ...args.split(' '),
  ])
  if (code !== 0) {
    const reason = output.split('\n').find((line) => /^\s*error/.test(line)) ?? lastLine(output)
    throw new SetupError(`the native addon could not be built: ${reason}. 'npm run build:addon' shows everything`)
  }
  done('addon', mark)
}

async function buildDashboard() {
  const mark = fingerprint(['src/dashboard/', 'package-lock.json'])
  if (existsSync(join(root, 'dist', 'dashboard', 'index.html')) && isDone('dashboard', mark)) return
  const args = ['node_modules/vite/bin/vite.js', 'build', 'src/dashboard', '--logLevel', 'error']
  const { code, output } = await run('building the dashboard', nodePath(), args)
  if (code !== 0) throw new SetupError(`the dashboard could not be built: ${lastLine(output)}`)
  done('dashboard', mark)
}

/** Hands over to the program: signals go on to it, and its exit code becomes ours. */
function become(script, args) {
  const child = spawn(nodePath(), [...script, ...args], { stdio: 'inherit', shell: windows, env: programEnvironment })
  for (const signal of SIGNALS) process.on(signal, () => child.kill(signal))
  child.on('exit', (code, signal) => process.exit(signal === null ? (code ?? 1) : 1))
}

/** npm hands a signal on to the shell between it and us alone, which ends without a word: then we end as by that signal. */
function endWithParent() {
  const parent = process.ppid
  const watch = setInterval(() => {
    if (process.ppid === parent) return
    clearInterval(watch)
    process.kill(process.pid, 'SIGTERM')
  }, 250).unref()
}

const [program = 'cli', ...args] = process.argv.slice(2)
if (process.env.npm_lifecycle_event !== undefined) endWithParent()
try {
  if (!(program in programs)) throw new SetupError(`unknown program '${program}': one of ${Object.keys(programs).join(', ')}`)
  await installPackages()
  await buildAddon(programs[program] ?? [], args)
  await buildDashboard()
  if (programs[program]) become(programs[program], args)
} catch (error) {
  if (!(error instanceof SetupError)) throw error
  say(`taumesh: ${error.message}`)
  process.exit(78)
}
