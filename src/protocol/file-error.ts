/** What went wrong with a file that somebody named: one line for a person, in the words of the system. */
import { NodeError } from './errors.ts'

/** @param cause what reading, parsing or writing `path` threw */
export function fileError(path: string, cause: unknown): NodeError {
  const { message, syscall }: NodeJS.ErrnoException = cause instanceof Error ? cause : new Error(String(cause))
  // The system's message ends with the call and the path, which the line has said already.
  const end = message.indexOf(`, ${syscall}`)
  return new NodeError('CLI_FILE', { path, detail: end < 0 ? message : message.slice(0, end) }, { cause })
}
