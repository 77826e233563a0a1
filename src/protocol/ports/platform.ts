/** What roles and engines take from the machine through ports, so that `test/sim` can own it. */

export interface Clock {
  /** Unix milliseconds. */
  now(): number
  /** Milliseconds that never go back. */
  monotonic(): number
  /** Resolves after `ms`; rejects with the signal's reason when it aborts. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>
}

export interface Random {
  /** Fresh unpredictable bytes (seeded in tests). */
  bytes(length: number): Uint8Array
}

export type LogData = Readonly<Record<string, string | number | bigint | boolean | null | undefined>>
/** One line per fact; `data` never holds a secret. */
export interface Log {
  debug(message: string, data?: LogData): void
  info(message: string, data?: LogData): void
  warn(message: string, data?: LogData): void
  error(message: string, data?: LogData): void
  /** A log whose lines carry `name`. */
  child(name: string): Log
}

export interface Metrics {
  count(name: string, by?: number, labels?: Readonly<Record<string, string>>): void
  gauge(name: string, value: number, labels?: Readonly<Record<string, string>>): void
  observe(name: string, value: number, labels?: Readonly<Record<string, string>>): void
}

import type { Scheme } from './compute.ts'

/** Signs for one key; the secret stays behind it. */
export interface Signer {
  readonly scheme: Scheme
  readonly publicKey: Uint8Array
  sign(message: Uint8Array): Promise<Uint8Array>
}
