/** Blocks and their events as they come, newest first. */
import type { EventView } from '../protocol/views/chain.ts'
import { short, tau, time } from './format.ts'
import type { BlockLine } from './live.ts'

const QUIET_LINES_MAX = 14

/** One event as a sentence. */
function sentence(event: EventView): string {
  const text = (field: string): string => short(String(event[field] ?? ''))
  const who = `neuron ${String(event['uid'])} of market ${String(event['netuid'])}`
  const amount = (field: string): string => `${tau(String(event[field] ?? '0'), 3)} τ`
  switch (event.type) {
    case 'transferred':
      return `${text('from')} sent ${amount('amount')} to ${text('to')}`
    case 'registered':
      return `${who} registered (${text('hotkey')})`
    case 'deregistered':
      return `${who} was replaced`
    case 'staked':
      return `${text('coldkey')} staked ${amount('amount')} behind ${text('hotkey')}`
    case 'unstaked':
      return `${text('coldkey')} took ${amount('amount')} back from ${text('hotkey')}`
    case 'served':
      return `${who} serves at ${String(event['addresses'])}`
    case 'model_committed':
      return `${who} committed its model`
    case 'weights_committed':
      return `${who} committed weights for epoch ${String(event['epoch'])}`
    case 'weights_revealed':
      return `${who} revealed its weights on ${String(event['targets'])} miners`
    case 'difficulty_adjusted':
      return `market ${String(event['netuid'])}: difficulty is now ${String(event['difficulty'])}`
    case 'epoch':
      return `market ${String(event['netuid'])}: epoch ${String(event['epoch'])} paid ${amount('paid')} to ${String(event['miners'])} miners and ${String(event['validators'])} validators`
    default:
      return event.type
  }
}

/** Epochs of markets without neurons pay nobody and say nothing. */
const tells = (event: EventView): boolean => event.type !== 'epoch' || event['paid'] !== '0'

export function Feed({ blocks }: { blocks: BlockLine[] }) {
  const shown = blocks
    .map((block) => ({ ...block, events: block.events.filter(tells) }))
    .filter((block, i) => i < 3 || block.events.length > 0)
    .slice(0, QUIET_LINES_MAX)
  return (
    <section aria-labelledby="feed">
      <h2 id="feed">Blocks and events</h2>
      <ol class="feed">
        {shown.map((block) => (
          <li key={block.height}>
            <span class="mono">{block.height}</span> <small>{time(block.time)}</small>{' '}
            <small class="mono" title={block.hash}>
              {short(block.hash)}
            </small>
            {block.events.length === 0 ? <small> nothing happened</small> : null}
            <ul>
              {block.events.map((event, i) => (
                <li key={i} class={event.type === 'epoch' ? 'strong' : ''}>
                  {sentence(event)}
                </li>
              ))}
            </ul>
          </li>
        ))}
      </ol>
      {blocks.length === 0 ? <p class="note">Waiting for the next block …</p> : null}
    </section>
  )
}
