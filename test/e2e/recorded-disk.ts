/**
 * A disk rebuilt from the system calls of a process (strace), with what was synced kept apart from what was not. At any point it gives
 * images of what a power loss may leave: everything synced, any part of the rest, single writes torn at sector boundaries (S2b).
 */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import type { Rng } from '../support/random.ts'

const SECTOR = 512

export type DiskEvent =
  | { kind: 'open'; fd: number; name: string; create: boolean; truncate: boolean }
  | { kind: 'close'; fd: number }
  | { kind: 'write'; fd: number; at: number; data: Buffer }
  | { kind: 'truncate'; fd: number; size: number }
  | { kind: 'sync'; fd: number }
  | { kind: 'rename'; from: string; to: string }
  | { kind: 'unlink'; name: string }
  | { kind: 'said'; text: string }

/** Bytes of a string as `strace -xx` prints it. */
const unquote = (text: string): Buffer => Buffer.from(text.replaceAll('\\x', ''), 'hex')
const LINE = /^(\w+)\((.*)\)\s+= (-?\d+)/

/** What the thread that touched `folder` did, in order; `strace -ff -xx -o prefix` has written one file a thread. */
export function readTrace(traces: string, folder: string): DiskEvent[] {
  const events: DiskEvent[] = []
  for (const file of readdirSync(traces)) {
    const lines = readFileSync(join(traces, file), 'latin1').split('\n')
    const mine = lines.flatMap((line) => eventOf(line, folder) ?? [])
    if (mine.some(({ kind }) => kind === 'sync')) events.push(...mine)
  }
  return events
}

function eventOf(line: string, folder: string): DiskEvent | null {
  const [, call = '', args = '', result = ''] = LINE.exec(line) ?? []
  const value = Number(result)
  if (call === '' || value < 0) return null
  const strings = [...args.matchAll(/"((?:\\x[0-9a-f]{2})*)"/g)].map(([, text = '']) => unquote(text))
  const numbers = args
    .replaceAll(/"[^"]*"(\.\.\.)?/g, '')
    .split(',')
    .map((part) => Number(part.trim()))
  const names = strings.map((text) => text.toString())
  const inside = (path: string | undefined): boolean => path === folder || (path ?? '').startsWith(`${folder}/`)
  switch (call) {
    case 'openat':
      if (!inside(names[0])) return { kind: 'close', fd: value } // another file has this number now
      return {
        kind: 'open',
        fd: value,
        name: names[0] === folder ? '' : basename(names[0]!),
        create: args.includes('O_CREAT'),
        truncate: args.includes('O_TRUNC'),
      }
    case 'close':
      return { kind: 'close', fd: numbers[0]! }
    case 'pwrite64':
      return { kind: 'write', fd: numbers[0]!, at: numbers[3]!, data: strings[0]!.subarray(0, value) }
    case 'write':
      return numbers[0] === 1 ? { kind: 'said', text: names[0] ?? '' } : null
    case 'ftruncate':
      return { kind: 'truncate', fd: numbers[0]!, size: numbers[1]! }
    case 'fsync':
    case 'fdatasync':
      return { kind: 'sync', fd: numbers[0]! }
    case 'rename':
      return inside(names[0]) ? { kind: 'rename', from: basename(names[0]!), to: basename(names[1]!) } : null
    case 'unlink':
      return inside(names[0]) ? { kind: 'unlink', name: basename(names[0]!) } : null
    default:
      return null
  }
}

type Change = { at: number; data: Buffer } | { size: number }
interface Inode {
  synced: Buffer
  pending: Change[]
}
type NameChange = { name: string; inode: Inode | null }

function applied(content: Buffer, change: Change): Buffer {
  if ('size' in change) return Buffer.concat([content.subarray(0, change.size), Buffer.alloc(Math.max(0, change.size - content.length))])
  const out = Buffer.alloc(Math.max(content.length, change.at + change.data.length))
  content.copy(out)
  change.data.copy(out, change.at)
  return out
}

export class RecordedDisk {
  readonly #names = new Map<string, Inode>()
  readonly #durable = new Map<string, Inode>()
  #nameChanges: NameChange[] = []
  readonly #open = new Map<number, Inode | 'folder'>()
  readonly #ignoreSyncOf: string | undefined

  /** @param ignoreSyncOf plants a bug: syncs of the file with this name do nothing */
  constructor(ignoreSyncOf?: string) {
    this.#ignoreSyncOf = ignoreSyncOf
  }

  do(event: DiskEvent): void {
    switch (event.kind) {
      case 'open': {
        if (event.name === '') return void this.#open.set(event.fd, 'folder')
        let inode = this.#names.get(event.name)
        if (inode === undefined && event.create) {
          inode = { synced: Buffer.alloc(0), pending: [] }
          this.#name(event.name, inode)
        } else if (event.truncate) inode?.pending.push({ size: 0 })
        if (inode !== undefined) this.#open.set(event.fd, inode)
        return
      }
      case 'close':
        return void this.#open.delete(event.fd)
      case 'write':
        return this.#change(event.fd, { at: event.at, data: event.data })
      case 'truncate':
        return this.#change(event.fd, { size: event.size })
      case 'sync':
        return this.#sync(event.fd)
      case 'rename':
        this.#name(event.to, this.#names.get(event.from) ?? null)
        return this.#name(event.from, null)
      case 'unlink':
        return this.#name(event.name, null)
      case 'said':
        return
    }
  }

  /** Whether anything is not synced now: otherwise there is but one image. */
  get unsettled(): boolean {
    return this.#nameChanges.length > 0 || [...this.#names.values()].some(({ pending }) => pending.length > 0)
  }

  /** Writes one possible image into a folder: names changed in order up to some point, of each file any part of what was not synced. */
  image(folder: string, random: Rng): void {
    mkdirSync(folder, { recursive: true })
    const names = new Map(this.#durable)
    for (const { name, inode } of this.#nameChanges.slice(0, random.int(this.#nameChanges.length + 1)))
      if (inode === null) names.delete(name)
      else names.set(name, inode)
    const keep = random.int(4) // 0: nothing, 1: everything, else each by chance
    for (const [name, inode] of names) {
      let content = inode.synced
      for (const change of inode.pending) for (const part of partsOf(change, keep, random)) content = applied(content, part)
      writeFileSync(join(folder, name), content)
    }
  }

  #change(fd: number, change: Change): void {
    const inode = this.#open.get(fd)
    if (inode !== undefined && inode !== 'folder') inode.pending.push(change)
  }

  #name(name: string, inode: Inode | null): void {
    if (inode === null) this.#names.delete(name)
    else this.#names.set(name, inode)
    this.#nameChanges.push({ name, inode })
  }

  #sync(fd: number): void {
    const inode = this.#open.get(fd)
    if (inode === undefined) return
    if (inode === 'folder') {
      for (const { name, inode: named } of this.#nameChanges)
        if (named === null) this.#durable.delete(name)
        else this.#durable.set(name, named)
      this.#nameChanges = []
      return
    }
    if (this.#ignoreSyncOf !== undefined && this.#names.get(this.#ignoreSyncOf) === inode) return
    for (const change of inode.pending.splice(0)) inode.synced = applied(inode.synced, change)
  }
}

/** What of one write reaches the disk: nothing, all, or some of its sectors. */
function partsOf(change: Change, keep: number, random: Rng): Change[] {
  if (keep === 0) return []
  if (keep === 1) return [change]
  const chance = random.int(3)
  if (chance === 0) return []
  if (chance === 1 || 'size' in change) return [change]
  const sectors: Change[] = []
  for (let from = 0; from < change.data.length;) {
    const end = Math.min(change.data.length, from + SECTOR - ((change.at + from) % SECTOR))
    if (random.int(2) === 0) sectors.push({ at: change.at + from, data: change.data.subarray(from, end) })
    from = end
  }
  return sectors
}
