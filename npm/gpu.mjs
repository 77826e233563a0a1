// `npm run build:gpu`: builds the GPU program and puts it where the node looks for it. It is a second artefact, built on
// demand: a machine without a GPU never pays for it.
import { spawnSync } from 'node:child_process'
import { copyFileSync, mkdirSync, renameSync, statSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const folder = join(root, 'src', 'native', 'gpu')
const args = ['build', '--release', '--locked', '-p', 'gpu', '--bin', 'taumesh-gpu', '--message-format=json-render-diagnostics']

const { status, stdout, error } = spawnSync('cargo', args, {
  cwd: root,
  stdio: ['ignore', 'pipe', 'inherit'],
  encoding: 'utf8',
  maxBuffer: 1 << 28,
})
if (error) console.error(`taumesh: cargo cannot be run (${error.message}). Install Rust 1.95 or newer (rustup.rs)`)
if (error || status !== 0) process.exit(78)

const built = stdout
  .split('\n')
  .filter((line) => line.startsWith('{'))
  .map((line) => JSON.parse(line))
  .find((message) => message.reason === 'compiler-artifact' && message.target.name === 'taumesh-gpu' && message.executable)
mkdirSync(folder, { recursive: true })
const target = join(folder, basename(built.executable))
// Renamed into place: a program that runs keeps the file it was started from.
copyFileSync(built.executable, `${target}.new`)
renameSync(`${target}.new`, target)
console.log(`${target}: ${(statSync(target).size / 1e6).toFixed(1)} MB`)
