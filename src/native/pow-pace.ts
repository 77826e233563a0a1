/** How fast a search goes, from its counts of hashes: the rate of the last two seconds and what that means for the difficulty. */
import type { LongCall, PowOptions } from '../protocol/ports/compute.ts'

/** Long enough that a rate does not jump, short enough that it follows a machine which is busy for a while. */
const WINDOW_MS = 2_000

/** The options for a call that counts hashes, with `onPace` served from the counts. `difficulty` is asked each time: it may change. */
export function paced({ signal, onProgress, onPace }: PowOptions, difficulty: () => bigint): LongCall {
  if (onPace === undefined) return { signal, onProgress }
  const seen = [{ at: performance.now(), hashes: 0 }]
  return {
    signal,
    onProgress(hashes, total) {
      onProgress?.(hashes, total)
      const at = performance.now()
      while (seen.length > 1 && at - (seen[1]?.at ?? at) > WINDOW_MS) seen.shift()
      const [oldest] = seen
      seen.push({ at, hashes })
      const seconds = (at - (oldest?.at ?? at)) / 1_000
      const hashesPerSecond = seconds > 0 ? (hashes - (oldest?.hashes ?? 0)) / seconds : 0
      const expectedSeconds = hashesPerSecond > 0 ? Math.max(1, Number(difficulty())) / hashesPerSecond : null
      onPace({ hashes, hashesPerSecond, expectedSeconds })
    },
  }
}
