/**
 * Writes the demonstration corpus: `DIR/corpus/<domain>/{train,validation,test}`, each the pieces of that split joined by
 * line ends, beside `manifest.json` and the public fallback's artefact. The manifest's root names the text that any
 * experiment used.
 */
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { toHex, utf8 } from '../../protocol/bytes.ts'
import { NodeError } from '../../protocol/errors.ts'
import { blake3, kdf } from '../../protocol/hash.ts'
import type { ExpertCompute } from '../../protocol/ports/compute.ts'
import { domains } from './sources.ts'
import { split, type Piece, type SplitName } from './split.ts'

const splitNames: readonly SplitName[] = ['train', 'validation', 'test']
/** Raised when the rules change, so that an older folder is made anew. */
const VERSION = 1

export interface CorpusSummary {
  version: number
  /** Root over (path, offset, length, split) of every piece and the hash of every file, hex. */
  root: string
  /** Hash of the fallback artefact, hex: the market parameter `fallback_root`. */
  fallbackRoot: string
  domains: { name: string; bytes: Record<SplitName, number>; pieces: Record<SplitName, number> }[]
}

interface Entry {
  path: string
  offset: number
  length: number
  split: SplitName
}

const manifestPath = (folder: string): string => join(folder, 'manifest.json')

/** The summary of a corpus that is already there and complete, else null. */
export function readCorpus(dataFolder: string): CorpusSummary | null {
  const path = manifestPath(join(dataFolder, 'corpus'))
  if (!existsSync(path)) return null
  try {
    const { summary } = JSON.parse(readFileSync(path, 'utf8')) as { summary: CorpusSummary }
    return summary.version === VERSION ? summary : null
  } catch {
    return null
  }
}

function joined(pieces: readonly Piece[], path: string, name: SplitName): { bytes: Uint8Array; entries: Entry[] } {
  const length = pieces.reduce((sum, piece) => sum + piece.bytes.length + 1, 0)
  const bytes = new Uint8Array(length)
  const entries: Entry[] = []
  let offset = 0
  for (const piece of pieces) {
    bytes.set(piece.bytes, offset)
    entries.push({ path, offset, length: piece.bytes.length, split: name })
    offset += piece.bytes.length
    bytes[offset++] = 10
  }
  return { bytes, entries }
}

/**
 * Makes the corpus below `dataFolder` unless it is there. Half-made folders never count: everything is written beside and renamed.
 * @throws NodeError LAB_CORPUS_SOURCE_MISSING when a package of text is not installed
 */
export async function prepareCorpus(
  options: { dataFolder: string; onDomain?: (name: string) => void },
  parts: { expert: Pick<ExpertCompute, 'fallbackArtefact'> },
): Promise<CorpusSummary> {
  const { dataFolder, onDomain } = options
  const ready = readCorpus(dataFolder)
  if (ready !== null) return ready
  const folder = join(dataFolder, 'corpus.new')
  rmSync(folder, { recursive: true, force: true })
  const entries: Entry[] = []
  const hashes: string[] = []
  const training: Uint8Array[] = []
  const summaries: CorpusSummary['domains'] = []
  for (const domain of domains) {
    onDomain?.(domain.name)
    const splits = split(domain.read())
    mkdirSync(join(folder, domain.name), { recursive: true })
    const bytes = { train: 0, validation: 0, test: 0 }
    for (const name of splitNames) {
      const path = `${domain.name}/${name}`
      const file = joined(splits[name], path, name)
      writeFileSync(join(folder, path), file.bytes)
      entries.push(...file.entries)
      hashes.push(`${path} ${toHex(blake3(file.bytes))}`)
      bytes[name] = file.bytes.length
      if (name === 'train') training.push(file.bytes)
    }
    const count = { train: splits.train.length, validation: splits.validation.length, test: splits.test.length }
    if (Object.values(bytes).includes(0)) throw new NodeError('LAB_CORPUS_SOURCE_MISSING', { path: domain.name })
    summaries.push({ name: domain.name, bytes, pieces: count })
  }
  const artefact = await parts.expert.fallbackArtefact(training)
  writeFileSync(join(folder, 'fallback'), artefact)
  const canonical = [...hashes, ...entries.map(({ path, offset, length, split }) => `${path} ${offset} ${length} ${split}`)].join('\n')
  const summary = {
    version: VERSION,
    root: toHex(kdf('manifest', utf8(canonical))),
    fallbackRoot: toHex(blake3(artefact)),
    domains: summaries,
  }
  writeFileSync(manifestPath(folder), JSON.stringify({ summary, entries }))
  rmSync(join(dataFolder, 'corpus'), { recursive: true, force: true })
  renameSync(folder, join(dataFolder, 'corpus'))
  return summary
}
