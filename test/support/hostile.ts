/** Arguments and observations for tests of what must be refused. */
import { NodeError } from '../../src/protocol/errors.ts'

/** The code of the `NodeError` that `work` throws or rejects with; null when it does neither. Any other error is thrown on. */
export async function codeOf(work: () => unknown): Promise<string | null> {
  try {
    await work()
    return null
  } catch (error) {
    if (error instanceof NodeError) return error.code
    throw error
  }
}

/** Bytes whose memory was given away. */
export function detached(length: number): Uint8Array {
  const bytes = new Uint8Array(length)
  structuredClone(bytes.buffer, { transfer: [bytes.buffer] })
  return bytes
}
