/** A progress line on stderr for work that takes more than a second; quiet when stderr is no terminal. */
import { SingleBar } from 'cli-progress'

export interface Progress {
  update(done: number, note?: string): void
  stop(): void
}

/** `total` 0 = unknown: then only the note moves. */
export function progress(title: string, total: number): Progress {
  if (!process.stderr.isTTY) return { update: () => {}, stop: () => {} }
  const bar = new SingleBar({
    format: total > 0 ? `${title} [{bar}] {percentage}% {note}` : `${title} {note}`,
    stream: process.stderr,
    clearOnComplete: true,
    hideCursor: true,
  })
  bar.start(Math.max(1, total), 0, { note: '' })
  return {
    update: (done, note = '') => bar.update(total > 0 ? done : 0, { note }),
    stop: () => bar.stop(),
  }
}
