/** Turns what the addon throws (`CODE: text`, see crates/addon/src/failure.rs) into a `NodeError`. */
import { isErrorCode, NodeError } from '../protocol/errors.ts'

const shape = /^([A-Z][A-Z0-9_]+): ([\s\S]*)$/

/** The code that napi gives to a panic it caught, and to nothing else that our exports can end in but what has a code of ours. */
const PANIC = 'GenericFailure'

/**
 * The `NodeError` for a native failure: wrong argument types (which napi itself refuses) are `NATIVE_ARGUMENT`, a panic is
 * `NATIVE_PANIC`.
 */
export function nativeError(error: unknown): NodeError {
  if (error instanceof NodeError) return error
  const message = error instanceof Error ? error.message : String(error)
  const [, code = '', detail = ''] = shape.exec(message) ?? []
  if (isErrorCode(code)) return new NodeError(code, { detail }, { cause: error })
  const isPanic = error instanceof Error && 'code' in error && error.code === PANIC
  return new NodeError(isPanic ? 'NATIVE_PANIC' : 'NATIVE_ARGUMENT', { detail: message }, { cause: error })
}

/** Calls a native function and throws a `NodeError` where it fails. */
export function call<T>(work: () => T): T {
  try {
    return work()
  } catch (error) {
    throw nativeError(error)
  }
}

/** What the addon's `Job` class offers: cancel, and progress to poll. */
export interface JobHandle {
  cancel(): void
  readonly done: number
  readonly total: number
}

/** Options of every long native call. */
export interface LongCall {
  signal?: AbortSignal | undefined
  /** Called about ten times a second with units done and in all (0 = unknown). */
  onProgress?: ((done: number, total: number) => void) | undefined
}

/** Awaits a long native call: an abort cancels it, progress is polled, a failure is a `NodeError`. */
export async function long<T, J extends JobHandle>(job: J, options: LongCall, start: (job: J) => Promise<T>): Promise<T> {
  const { signal, onProgress } = options
  if (signal?.aborted === true) throw new NodeError('NATIVE_CANCELLED')
  const cancel = (): void => job.cancel()
  signal?.addEventListener('abort', cancel, { once: true })
  const timer = onProgress && setInterval(() => onProgress(job.done, job.total), 100)
  try {
    return await start(job)
  } catch (error) {
    throw nativeError(error)
  } finally {
    clearInterval(timer)
    signal?.removeEventListener('abort', cancel)
  }
}
