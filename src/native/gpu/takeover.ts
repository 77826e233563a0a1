/** Which failures of a GPU the CPU makes good; all others are the caller's own or its wish. */
import { NodeError, type ErrorCode } from '../../protocol/errors.ts'

const codes: readonly ErrorCode[] = ['GPU_LOST', 'GPU_FAILED', 'GPU_RESTING', 'GPU_WRONG', 'GPU_PROTOCOL']

/** Whether the CPU may take over after `error`. */
export const isTakeover = (error: unknown): error is NodeError => error instanceof NodeError && codes.includes(error.code)

/**
 * Does on the CPU what a device lost: once, with the reason told.
 * @throws NodeError GPU_LOST when the CPU fails as well; what the caller did wrong, or wished, stays what it is
 */
export async function takeOver<T>(
  lost: NodeError,
  onFallback: ((reason: string) => void) | undefined,
  onCpu: () => Promise<T>,
): Promise<T> {
  onFallback?.(lost.message)
  try {
    return await onCpu()
  } catch (error) {
    if (error instanceof NodeError && !['NATIVE_BUSY', 'NATIVE_PANIC', 'POW_BACKEND_WRONG'].includes(error.code)) throw error
    throw new NodeError('GPU_LOST', { detail: `${lost.message}; then the CPU: ${String(error)}` }, { cause: error })
  }
}
