/** What the keys room is given, and a folder of its own for each test. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import type { KeyParts } from '../../src/keys/key.ts'
import type { Cost } from '../../src/keys/sealed.ts'
import { loadAddon } from '../../src/native/addon.ts'

export const keyParts: KeyParts = { signature: loadAddon().signature }

/** Cheap enough to seal and open hundreds of times. */
export const LOW_COST: Cost = { memoryKib: 64, passes: 1, lanes: 1 }

/** A fresh folder that goes with the test. */
export async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'taumesh-keys-'))
  onTestFinished(() => rm(folder, { recursive: true, force: true }))
  return folder
}
