/** The interpreter of the rivals: found on this machine, their packages installed into a scratch folder. */
import { execFileSync, spawnSync } from 'node:child_process'
import { join } from 'node:path'

/** What the NumPy of requirements.txt needs. */
const PYTHON_MIN = [3, 11]

/** A Python that can make environments with pip, or why there is none. */
export function findPython(): { python: string } | { missing: string } {
  const suits = `import ensurepip, sys, venv; sys.exit(sys.version_info < (${PYTHON_MIN.join(', ')}))`
  const python = ['python3', 'python'].find((name) => spawnSync(name, ['-c', suits], { stdio: 'ignore' }).status === 0)
  return python === undefined ? { missing: `no Python ${PYTHON_MIN.join('.')} or newer with venv and pip` } : { python }
}

/** Makes an environment with the packages of requirements.txt, about 7 GB, and gives its interpreter. */
export function installRivals(python: string, scratch: string): string {
  const folder = join(scratch, 'python')
  execFileSync(python, ['-m', 'venv', folder], { stdio: 'inherit' })
  const installed = join(folder, 'bin', 'python')
  const requirements = join(import.meta.dirname, 'requirements.txt')
  execFileSync(installed, ['-m', 'pip', 'install', '--quiet', '--no-cache-dir', '-r', requirements], { stdio: 'inherit' })
  return installed
}
