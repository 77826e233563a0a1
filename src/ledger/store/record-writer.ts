/** How tables and lists of `records.db` write: handed in, gathered into one commit, resolved when durable. */
import type { Database } from './database.ts'

/** One write that waits for the next commit; `run` gives the checksums of what it wrote. */
export interface Write {
  bytes: number
  run(): number[]
}
/** Where tables and lists hand in their writes. */
export interface Writer {
  readonly database: Database
  /** Resolves when the write is durable. @throws STORE_BUSY, STORE_FAILED, STORE_FULL */
  submit(write: Write): Promise<void>
}
