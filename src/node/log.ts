/** The log: one JSON line per fact on stderr, or short lines for people. Fields that may hold a secret never get here. */
import { pino, type Logger } from 'pino'
import type { Log, LogData } from '../protocol/ports/platform.ts'

export type LogLevel = 'debug' | 'info' | 'warn' | 'error' | 'silent'

/** Whatever is named like a secret is blanked, should a caller pass one by mistake. */
const SECRET_NAMES = ['password', 'secret', 'seed', 'mnemonic', 'token', 'privateKey', 'authorization']

const plain = (data: LogData | undefined): Record<string, unknown> =>
  Object.fromEntries(Object.entries(data ?? {}).map(([name, value]) => [name, typeof value === 'bigint' ? value.toString() : value]))

const wrap = (logger: Logger): Log => ({
  debug: (message, data) => logger.debug(plain(data), message),
  info: (message, data) => logger.info(plain(data), message),
  warn: (message, data) => logger.warn(plain(data), message),
  error: (message, data) => logger.error(plain(data), message),
  child: (name) => wrap(logger.child({ part: name })),
})

/** A log that writes to `write`, one JSON line each (default: stderr). */
export function createLog(level: LogLevel, write: (line: string) => void = (line) => process.stderr.write(line)): Log {
  const logger = pino(
    {
      level,
      base: null,
      timestamp: () => `,"time":"${new Date().toISOString()}"`,
      formatters: { level: (label) => ({ level: label }) },
      redact: { paths: SECRET_NAMES, censor: '[secret]' },
    },
    { write },
  )
  return wrap(logger)
}
