/** How commands speak: results on stdout (text for people or JSON), everything else on stderr, one line per error. */
import { formatTau } from '../protocol/amounts.ts'
import { NodeError } from '../protocol/errors.ts'
import { fileError } from '../protocol/file-error.ts'

/** JSON with bigints as decimal strings and bytes as hex. */
export const toJson = (value: unknown): string =>
  JSON.stringify(value, (_key, inner: unknown) => {
    if (typeof inner === 'bigint') return inner.toString()
    return inner instanceof Uint8Array ? Buffer.from(inner).toString('hex') : inner
  })

/** Prints one result: `text` for people, `value` with `--json`. */
export function print(json: boolean | undefined, value: unknown, text: string | (() => string)): void {
  process.stdout.write(`${json === true ? toJson(value) : typeof text === 'string' ? text : text()}\n`)
}

/** Columns aligned by the widest cell; numbers to the right. */
export function table(head: readonly string[], rows: readonly (readonly (string | number)[])[]): string {
  const cells = [head, ...rows].map((row) => row.map(String))
  const widths = head.map((_, i) => Math.max(...cells.map((row) => row[i]?.length ?? 0)))
  const numeric = head.map(
    (_, i) => rows.length > 0 && rows.every((row) => typeof row[i] === 'number' || /^-?[\d.,]+( τ)?$/.test(String(row[i]))),
  )
  return cells
    .map((row) =>
      row
        .map((cell, i) => (numeric[i] === true ? cell.padStart(widths[i] ?? 0) : cell.padEnd(widths[i] ?? 0)))
        .join('  ')
        .trimEnd(),
    )
    .join('\n')
}

/** An amount of rao (bigint or decimal string) in τ. */
export const tau = (rao: bigint | string): string => `${formatTau(BigInt(rao))} τ`

/** A message in one line and without control characters: it may quote what a stranger's file holds. */
const oneLine = (message: string): string => message.replaceAll(/\p{Cc}+/gu, ' ')

/** Says on stderr what went wrong and sets the exit code; a stack trace only for what is our own fault. */
export function fail(error: unknown): void {
  if (error instanceof NodeError) {
    process.stderr.write(`taumesh: ${oneLine(error.message)} [${error.code}]\n`)
    process.exitCode = error.row.exit ?? 1
    return
  }
  // A file or folder that cannot be read or written is no fault of the program.
  if (error instanceof Error && 'syscall' in error && 'path' in error) return fail(fileError(String(error.path), error))
  const { message, stack } = error instanceof Error ? error : new Error(String(error))
  process.stderr.write(
    `taumesh: unexpected failure: ${oneLine(message)} [CLI_UNEXPECTED]\n${process.env['TAUMESH_DEBUG'] === '1' ? `${stack}\n` : ''}`,
  )
  process.exitCode = 1
}
