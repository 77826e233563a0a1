/** The machine that is measured, as a report names it. */
import { createHash } from 'node:crypto'
import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { arch, cpus, release, totalmem, type } from 'node:os'
import { fileURLToPath } from 'node:url'
import { join } from 'node:path'
import { addonFile } from '../../native/addon.ts'
import { VERSION } from '../../node/version.ts'
import type { DeviceInfo } from '../../protocol/ports/compute.ts'
import type { BenchMachineView } from '../../protocol/views/bench.ts'

const ROOT = fileURLToPath(new URL('../../..', import.meta.url))
/** What the kernels of the addon choose by. */
const FEATURES =
  /^(sse4_2|avx|avx2|fma|f16c|sha_ni|avx512\w*|vaes|vpclmulqdq|gfni|amx\w*|avx_vnni|asimd|asimddp|sha2|sha3|sve\w*|i8mm|bf16)$/

function cpuInfo(): { features: string[]; virtual: boolean } {
  let text = ''
  try {
    text = readFileSync('/proc/cpuinfo', 'utf8')
  } catch {
    // Not Linux: the features stay unknown.
  }
  const flags = (/^(?:flags|Features)\s*:\s*(.*)$/m.exec(text)?.[1] ?? '').split(' ')
  return { features: flags.filter((flag) => FEATURES.test(flag)).sort(), virtual: flags.includes('hypervisor') }
}

/** The commit of a checkout; null in an installed package. */
function commit(): string | null {
  if (!existsSync(join(ROOT, '.git'))) return null
  try {
    const git = (...args: string[]): string =>
      execFileSync('git', ['-C', ROOT, ...args], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim()
    return `${git('rev-parse', 'HEAD')}${git('status', '--porcelain', '--untracked-files=no') === '' ? '' : '+'}`
  } catch {
    return null // no git on this machine
  }
}

const addonHash = (): string => createHash('sha256').update(readFileSync(addonFile())).digest('hex')

/** Reads what the system tells; `devices` as `taumesh devices` lists them. */
export function describeMachine(devices: readonly DeviceInfo[]): BenchMachineView {
  const cores = cpus()
  const { features, virtual } = cpuInfo()
  const fixed = { cpu: cores[0]?.model.trim() ?? 'unknown', cores: cores.length, features, memoryBytes: totalmem(), arch: arch() }
  const usable = devices.filter((one) => one.usable).map(({ id, name, memoryBytes, driver }) => ({ id, name, memoryBytes, driver }))
  // Memory to the GiB: the kernel's own share of it changes with every boot.
  const names = usable.map(({ id, name }) => `${id} ${name}`)
  const key = JSON.stringify([fixed.cpu, fixed.cores, features, Math.round(fixed.memoryBytes / 2 ** 30), fixed.arch, names])
  return {
    id: createHash('sha256').update(key).digest('hex').slice(0, 16),
    ...fixed,
    system: `${type()} ${release()}`,
    virtual,
    devices: usable,
    node: process.version,
    version: VERSION,
    addon: addonHash(),
    commit: commit(),
  }
}
