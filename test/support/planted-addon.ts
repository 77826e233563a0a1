/** The addon with bugs planted in it (feature `planted` of crates/addon), for the tests that must find them. */
import { execFile } from 'node:child_process'
import { copyFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'

/** What it exports beside all else; see crates/addon/src/planted.rs. */
export interface Planted {
  Planted: new (fails: boolean) => { readonly value: number; work(): void }
  plantedPanic(): void
  plantedJobPanic(): Promise<void>
  plantedLeak(bytes: number): void
}

interface BuildMessage {
  reason: string
  target?: { name: string }
  filenames?: string[]
}

/** Builds it, as the crates' tests are built, into `folder`, and gives its file. */
export async function plantedAddon(folder: string): Promise<string> {
  const args = 'build -p addon --profile checks --features planted --locked --message-format json'
  const cwd = join(import.meta.dirname, '..', '..')
  const { stdout } = await promisify(execFile)('cargo', args.split(' '), { cwd, maxBuffer: 64 << 20 })
  const messages = stdout.split('\n').flatMap((line) => (line.startsWith('{') ? [JSON.parse(line) as BuildMessage] : []))
  const artefact = messages.find(({ reason, target }) => reason === 'compiler-artifact' && target?.name === 'addon')
  const [library] = artefact?.filenames ?? []
  if (library === undefined) throw new Error('cargo built no addon')
  const file = join(folder, 'planted.node')
  copyFileSync(library, file)
  return file
}
