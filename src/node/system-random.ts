/** The machine's chance as a port. */
import { randomFillSync } from 'node:crypto'
import type { Random } from '../protocol/ports/platform.ts'

export const systemRandom: Random = { bytes: (length) => randomFillSync(new Uint8Array(length)) }
