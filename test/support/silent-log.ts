/** A log for tests: keeps its lines, prints none. */
import type { Log, LogData } from '../../src/protocol/ports/platform.ts'

export interface KeptLog extends Log {
  readonly lines: { level: string; message: string; data: LogData | undefined }[]
}

export function silentLog(): KeptLog {
  const lines: KeptLog['lines'] = []
  const at = (level: string) => (message: string, data?: LogData) => {
    if (lines.length < 10_000) lines.push({ level, message, data })
  }
  const log: KeptLog = { lines, debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error'), child: () => log }
  return log
}
