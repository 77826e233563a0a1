/** A rival in Python: a child process that answers lines of JSON, see rival.py. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'

export interface Rival {
  /** @throws Error with the rival's words when it fails */
  ask<T>(op: string, request?: Record<string, unknown>): Promise<T>
  close(): Promise<void>
}

/** Starts `script` under `python`. */
export function openRival(python: string, script: string): Rival {
  // An OpenBLAS kernel set from outside would hold its newer versions back.
  const env = { ...process.env, OPENBLAS_CORETYPE: undefined, OPENBLAS_L2_SIZE: undefined }
  const child = spawn(python, [script], { env, stdio: ['pipe', 'pipe', 'inherit'] })
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  const ended = once(child, 'exit')
  return {
    async ask<T>(op: string, request: Record<string, unknown> = {}) {
      child.stdin.write(`${JSON.stringify({ ...request, op })}\n`)
      const { value, done } = await lines.next()
      if (done === true) throw new Error(`${script} ended`)
      const answer = JSON.parse(value) as { ok?: T; error?: string }
      if (answer.error !== undefined) throw new Error(answer.error)
      return answer.ok as T
    },
    async close() {
      child.stdin.end()
      await ended
    },
  }
}
