/**
 * Blocks told to subscribers. A subscriber holds no queue: it remembers the height it comes to next and reads the block from a short
 * memory of the newest ones, or from the store. A slow one costs a number, however far behind it is.
 */
import { NodeError } from '../../../protocol/errors.ts'
import type { BlockEvents } from '../../../protocol/ports/ledger.ts'

/** Newest blocks kept decoded, for subscribers that keep up. */
const RECENT_MAX = 16
/** Subscribers at once: roles, API listeners, the node itself. */
const SUBSCRIBERS_MAX = 1_024

export interface Announcements {
  /** A block has become durable. */
  tell(block: BlockEvents): void
  /** No block will come any more: iterations end, or throw `error`. */
  end(error: NodeError | null): void
  subscribe(from: number, signal: AbortSignal): AsyncIterable<BlockEvents>
}

/** Where older blocks come from. */
export interface Replay {
  head(): number
  /** Lowest height that can be replayed, at least 1. */
  oldest(): number
  load(height: number): BlockEvents
}

export function announcements(parts: { replay: Replay }): Announcements {
  const { replay } = parts
  const recent = new Map<number, BlockEvents>()
  const wakers = new Set<() => void>()
  let ended: { error: NodeError | null } | null = null
  const wake = (): void => {
    for (const waker of wakers) waker()
  }
  let subscribers = 0

  const nextBlock = (signal: AbortSignal): Promise<void> =>
    new Promise((resolve) => {
      const done = (): void => {
        wakers.delete(done)
        signal.removeEventListener('abort', done)
        resolve()
      }
      wakers.add(done)
      signal.addEventListener('abort', done, { once: true })
    })

  async function* iterate(from: number, signal: AbortSignal): AsyncGenerator<BlockEvents, void, undefined> {
    if (subscribers >= SUBSCRIBERS_MAX) throw new NodeError('LEDGER_BUSY', { detail: 'too many subscribers' })
    subscribers += 1
    try {
      for (let height = Math.max(1, Math.trunc(from)); !signal.aborted;) {
        if (height <= replay.head()) {
          const oldest = replay.oldest()
          if (height < oldest && !recent.has(height)) throw new NodeError('LEDGER_PRUNED', { height, oldest })
          yield recent.get(height) ?? replay.load(height)
          height += 1
        } else if (ended !== null) {
          if (ended.error !== null) throw ended.error
          return
        } else await nextBlock(signal)
      }
    } finally {
      subscribers -= 1
    }
  }

  return {
    tell: (block) => {
      recent.set(block.height, block)
      recent.delete(block.height - RECENT_MAX)
      wake()
    },
    end: (error) => {
      ended ??= { error }
      wake()
    },
    subscribe: (from, signal) => iterate(from, signal),
  }
}
