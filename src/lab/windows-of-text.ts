/** Held-out windows of every domain, the same for every expert of a run. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { concat } from '../protocol/bytes.ts'

export interface Window {
  domain: string
  /** Private prefix from another part of the same split; not scored. */
  filler: Uint8Array
  span: Uint8Array
}

export const FILLER_BYTES = 32

export const readSplit = (dataFolder: string, domain: string, split: 'train' | 'validation' | 'test'): Uint8Array =>
  new Uint8Array(readFileSync(join(dataFolder, 'corpus', domain, split)))

/** `count` windows of `length` bytes, evenly spaced over the split, moved by the seed; fillers come from half the split away. */
export function windowsOf(text: Uint8Array, domain: string, count: number, length: number, seed: number): Window[] {
  const room = text.length - length - FILLER_BYTES
  const start = (seed * 7_919) % Math.max(1, Math.floor(room / count))
  return Array.from({ length: count }, (_, i) => {
    const at = (start + Math.floor((i * room) / count)) % room
    const away = (at + Math.floor(room / 2)) % room
    return { domain, span: text.slice(at, at + length), filler: text.slice(away, away + FILLER_BYTES) }
  })
}

/** What an expert is shown of a window: the filler and all but the last byte; the last is always scored and never sent. */
export const visible = ({ filler, span }: Window): Uint8Array => concat(filler, span.subarray(0, -1))
