/** What every experiment prints (mixture.md 11): the same head, and rows that are held to a floor of a stated size. */
import { execFileSync } from 'node:child_process'

export interface Row {
  row: string
  value: number
  /** What the value must not exceed; null = to report only. */
  floor: number | null
  stretch: number | null
  pass: boolean | null
}
export interface Report {
  id: string
  size: 'mini' | 'full'
  seeds: number[]
  /** Revision of the code, `unknown` outside a checkout. */
  revision: string
  /** Root of the corpus manifest. */
  manifest: string
  /** Training FLOPs of all models. */
  flops: number
  /** Bytes that the answers would have cost on the wire. */
  bytes_sent: number
  seconds: number
  rows: Row[]
}

export const row = (name: string, value: number, floor: number | null, stretch: number | null): Row => ({
  row: name,
  value,
  floor,
  stretch,
  pass: floor === null ? null : value <= floor,
})

export function revision(): string {
  try {
    return execFileSync('git', ['rev-parse', '--short', 'HEAD'], { stdio: ['ignore', 'pipe', 'ignore'] })
      .toString()
      .trim()
  } catch {
    return 'unknown'
  }
}
