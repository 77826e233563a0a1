/** Opens the addon and puts its facades together: one line per subject. */
import { createRequire } from 'node:module'
import { NodeError } from '../protocol/errors.ts'
import type { Compute } from '../protocol/ports/compute.ts'
import { consensusCompute } from './consensus.ts'
import { expertCompute } from './expert.ts'
import { mixtureCompute } from './mixture.ts'
import { powCompute } from './pow.ts'
import { signatureCompute } from './signature.ts'
import { tensorCompute } from './tensor.ts'

/** Each facade takes the exports it needs (`binding: never` here: what the addon exports is known once it is open). */
const facades = {
  pow: powCompute,
  signature: signatureCompute,
  consensus: consensusCompute,
  mixture: mixtureCompute,
  expert: expertCompute,
  tensor: tensorCompute,
} satisfies { [Subject in keyof Compute]?: (binding: never) => Compute[Subject] }

/** The subjects that the addon fills. */
export type Addon = { [Subject in keyof typeof facades]: Compute[Subject] }

/** Loads the addon that lies beside `file` (this one). @throws NATIVE_ABSENT when it was not built, or not for this machine */
export function loadAddon(file: string | URL = import.meta.url): Addon {
  const binding = open(file)
  const filled = Object.entries(facades).map(([subject, facade]) => [subject, facade(binding)])
  return Object.fromEntries(filled) as Addon
}

/** The addon's own file: beside this one where it was built here, else in the package of this platform. @throws NATIVE_ABSENT */
export function addonFile(): string {
  const { powBackends } = open(import.meta.url) as { powBackends: unknown }
  const loaded = Object.values(createRequire(import.meta.url).cache)
  const own = loaded.find(
    (one) => one?.filename.endsWith('.node') && (one.exports as { powBackends?: unknown }).powBackends === powBackends,
  )
  if (own === undefined) throw new NodeError('NATIVE_ABSENT', { detail: 'it is not a file of this machine' })
  return own.filename
}

function open(file: string | URL): never {
  try {
    // A require, not an import: the addon is opened when it is asked for, and its absence is an error to be told.
    return createRequire(file)('./binding.js') as never
  } catch (cause) {
    throw new NodeError('NATIVE_ABSENT', { detail: 'it was not built for this machine' }, { cause })
  }
}
