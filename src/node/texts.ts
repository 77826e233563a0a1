/** Text that a node reads from disk: the corpus of its miners, the held-out text of its validators, the public fallback. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { NodeError } from '../protocol/errors.ts'

const bytes = (path: string): Uint8Array => new Uint8Array(readFileSync(path))

/** @throws NodeError NODE_CORPUS_MISSING */
function need(path: string): string {
  if (!existsSync(path)) throw new NodeError('NODE_CORPUS_MISSING', { path })
  return path
}

export const trainingText = (corpus: string, domain: string): Uint8Array => bytes(need(join(corpus, domain, 'train')))
export const fallbackArtefact = (corpus: string): Uint8Array => bytes(need(join(corpus, 'fallback')))

/** The validation text of every domain, which no miner of this node learns from. */
export const validationTexts = (corpus: string): { name: string; text: Uint8Array }[] =>
  readdirSync(need(corpus), { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && existsSync(join(corpus, entry.name, 'validation')))
    .map(({ name }) => ({ name, text: bytes(join(corpus, name, 'validation')) }))
