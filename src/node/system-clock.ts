/** The machine's clock as a port. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Clock } from '../protocol/ports/platform.ts'

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  sleep: async (ms, signal) => {
    try {
      await sleep(ms, undefined, signal && { signal })
    } catch (error) {
      throw signal?.aborted === true ? signal.reason : error
    }
  },
}
