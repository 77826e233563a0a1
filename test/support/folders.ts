/** Temporary folders of one test file, removed when it is over. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll } from 'vitest'

const made: string[] = []

export function temporaryFolder(): string {
  const path = mkdtempSync(join(tmpdir(), 'taumesh-test-'))
  if (made.push(path) === 1)
    afterAll(() => {
      for (const folder of made.splice(0)) rmSync(folder, { recursive: true, force: true })
    })
  return path
}
