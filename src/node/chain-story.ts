/** Follows the chain for a local network: keeps membership current, and tells blocks, epochs and the first one that weights paid. */
import type { BlockEvents, Ledger } from '../protocol/ports/ledger.ts'
import type { LiveAccess } from './access-table.ts'
import type { NodeEvent } from './events.ts'

export interface StoryParts {
  ledger: Pick<Ledger, 'query' | 'subscribe'>
  access: LiveAccess
  onEvent: (event: NodeEvent) => void
  /** Called at each epoch of the market that paid miners by revealed weights. */
  onPaid: (height: number) => void
}

/** Runs until the signal aborts. */
export async function followChain(netuid: number, { ledger, access, onEvent, onPaid }: StoryParts, signal: AbortSignal): Promise<void> {
  const { height } = await ledger.query('head')
  for await (const block of ledger.subscribe(height + 1, signal)) {
    await access.see(block)
    tell(block, onEvent)
    for (const event of block.events)
      if (event.type === 'epoch' && event.netuid === netuid && event.byWeights && event.miners > 0) onPaid(block.height)
  }
}

function tell(block: BlockEvents, onEvent: (event: NodeEvent) => void): void {
  onEvent({ event: 'block', height: block.height, transactions: block.transactions })
  for (const event of block.events) {
    if (event.type === 'registered') onEvent({ event: 'registered', netuid: event.netuid, uid: event.uid, hotkey: event.hotkey })
    if (event.type === 'epoch')
      onEvent({
        event: 'epoch',
        netuid: event.netuid,
        epoch: event.epoch,
        height: block.height,
        paid: event.paid,
        byWeights: event.byWeights,
      })
  }
}
