/**
 * Every error that a caller can see: one row per code, never renamed, never reused. A code begins with the room or
 * crate it comes from. `http` is the status over REST, `retry` what a client may do, `penalty` the points that a peer
 * earns for it (wire.md 1.7; 50 points disconnect), `exit` the exit code of the command line where it is not 1,
 * and `text` the one line that people read, `{name}` standing for data.
 */
export type Retry = 'never' | 'later' | 'elsewhere' | 'rebuilt'

export interface ErrorRow {
  http: number
  retry: Retry
  penalty: number
  text: string
  exit?: number
}

export const errors = {
  NATIVE_CANCELLED: { http: 499, retry: 'never', penalty: 0, text: 'the work was cancelled' },
  NATIVE_PANIC: { http: 500, retry: 'elsewhere', penalty: 0, text: 'native code failed: {detail}' },
  NATIVE_BUSY: { http: 503, retry: 'later', penalty: 0, text: 'native code is busy: {detail}' },
  NATIVE_ARGUMENT: { http: 400, retry: 'never', penalty: 0, text: 'wrong argument for native code: {detail}' },
  NATIVE_ABSENT: {
    http: 500,
    retry: 'never',
    penalty: 0,
    text: 'the native addon cannot be loaded: {detail}. Run: npm run setup',
    exit: 78,
  },
  ADDRESS_INVALID: { http: 400, retry: 'never', penalty: 0, text: 'not an address: {detail}' },
  LAB_CORPUS_SOURCE_MISSING: {
    http: 500,
    retry: 'never',
    penalty: 0,
    text: 'no text found for the corpus in {path}. Run: npm run setup',
    exit: 78,
  },
} as const satisfies Record<string, ErrorRow>

export type ErrorCode = keyof typeof errors
type Data = Readonly<Record<string, string | number | bigint | boolean>>

const row = (code: ErrorCode): ErrorRow => errors[code]

/** The text of a code with its data filled in; a name without data stays as `{name}`. */
export const errorText = (code: ErrorCode, data: Data): string =>
  row(code).text.replace(/\{(\w+)\}/g, (whole, name: string) => (name in data ? String(data[name]) : whole))

/** The only error this program throws on purpose. Callers match `code`, never the text; `data` never holds a secret. */
export class NodeError extends Error {
  readonly code: ErrorCode
  readonly data: Data

  constructor(code: ErrorCode, data: Data = {}, options?: { cause?: unknown }) {
    super(errorText(code, data), options)
    this.name = 'NodeError'
    this.code = code
    this.data = data
  }

  get row(): ErrorRow {
    return row(this.code)
  }
}

export const isErrorCode = (code: string): code is ErrorCode => Object.hasOwn(errors, code)
