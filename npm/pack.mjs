// `npm run pack`, or `node npm/pack.mjs FOLDER`: makes the packages as they are published, each unpacked and as npm's tarball,
// in FOLDER (dist/npm): taumesh itself as JavaScript, because Node strips no types below node_modules; addon and GPU program of
// this platform; the text of the demonstration.
import { spawnSync } from 'node:child_process'
import { copyFileSync, existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const packages = resolve(process.argv[2] ?? join(root, 'dist', 'npm'))
const native = join(root, 'src', 'native')
const windows = process.platform === 'win32'
const npm = windows ? 'npm.cmd' : 'npm'

const readJson = (...path) => JSON.parse(readFileSync(join(root, ...path), 'utf8'))
const whole = readJson('package.json')
const platforms = readdirSync(join(root, 'npm')).filter((name) => existsSync(join(root, 'npm', name, 'package.json')) && name !== 'text')

/** One line for a person, no stack trace. */
function refuse(reason) {
  console.error(`taumesh: ${reason}`)
  process.exit(78)
}

/** Gives what the command writes to stdout. */
function run(command, args) {
  const { status, stdout, stderr, error } = spawnSync(command, args, {
    cwd: root,
    encoding: 'utf8',
    maxBuffer: 1 << 28,
    shell: command === npm && windows,
  })
  if (status !== 0) refuse(`${[command, ...args].join(' ')} failed: ${error?.message ?? `${stdout}${stderr}`}`)
  return stdout
}
const tool = (path, ...args) => run(process.execPath, [join(root, 'node_modules', path), ...args])

/** Makes the folder of a package with its manifest and the licence; gives the path. */
function begin(name, manifest) {
  const folder = join(packages, name)
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, 'package.json'), `${JSON.stringify(manifest, null, 2)}\n`)
  copyFileSync(join(root, 'LICENSE'), join(folder, 'LICENSE'))
  return folder
}

/** Where the compiler's output of a source lies in the package. */
const compiled = (path, extension) => path.replace(/\bsrc\/(.*)\.ts$/, `dist/$1${extension}`)

/** What the published program needs of the repository's manifest, with the addons of all platforms to choose from. */
function publishedManifest() {
  const { name, version, description, license, type, bin, exports, dependencies, napi } = whole
  return {
    name,
    version,
    description,
    license,
    type,
    bin: Object.fromEntries(Object.entries(bin).map(([command, path]) => [command, compiled(path, '.js')])),
    exports: { types: compiled(exports, '.d.ts'), default: compiled(exports, '.js') },
    files: ['dist'],
    dependencies,
    optionalDependencies: Object.fromEntries(platforms.map((platform) => [`${napi.packageName}-${platform}`, version])),
    engines: { node: '>=24' },
  }
}

function program() {
  const folder = begin(whole.name, publishedManifest())
  const to = join(folder, 'dist')
  copyFileSync(join(root, 'README.md'), join(folder, 'README.md'))
  tool('typescript/bin/tsc', '-p', join(root, 'npm'), '--outDir', to)
  tool('vite/bin/vite.js', 'build', join(root, 'src', 'dashboard'), '--outDir', join(to, 'dashboard'), '--logLevel', 'error')
  copyFileSync(join(native, 'binding.js'), join(to, 'native', 'binding.js'))
  return folder
}

/** The package of the platform that the addon here was built for. */
function platform() {
  const name = platforms.find((one) => existsSync(join(native, `${whole.napi.binaryName}.${one}.node`)))
  if (name === undefined) refuse('there is no addon to pack. Run: npm run build:addon')
  const manifest = readJson('npm', name, 'package.json')
  const folder = begin(`${whole.napi.binaryName}-${name}`, manifest)
  for (const file of manifest.files) {
    if (!existsSync(join(native, file))) {
      console.error(`${manifest.name} lacks ${file}. Run: npm run build:gpu`)
      continue
    }
    mkdirSync(dirname(join(folder, file)), { recursive: true })
    copyFileSync(join(native, file), join(folder, file))
  }
  return folder
}

const folders = [program(), platform(), begin('text', readJson('npm', 'text', 'package.json'))]
for (const { filename, size } of JSON.parse(run(npm, ['pack', '--json', '--pack-destination', packages, ...folders])))
  console.log(`${join(packages, filename)}: ${(size / 1e6).toFixed(1)} MB`)
