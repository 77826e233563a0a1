/** Blocks, ledger events, quality and milestones as they come, as server-sent events. */
import { Type } from 'typebox'
import { NodeError } from '../protocol/errors.ts'
import type { BlockEvents } from '../protocol/ports/ledger.ts'
import { eventView, receiptView } from '../protocol/views/chain.ts'
import { qualityView } from '../protocol/views/node.ts'
import { Count } from '../protocol/views/text.ts'
import type { RouteParts, Server } from './parts.ts'

const LISTENERS_MAX = 64
/** A listener that has not read this much is cut off; it may come back with `from`. */
const UNSENT_BYTES_MAX = 1_048_576
/** How far back a listener may ask for. */
const REPLAY_BLOCKS_MAX = 1_000

const blockJson = (block: BlockEvents): unknown => ({
  height: block.height,
  hash: block.hash,
  time: block.time,
  stateRoot: block.stateRoot,
  transactions: block.transactions,
  receipts: block.receipts.map(receiptView),
  events: block.events.map(eventView),
})

export function eventRoutes(server: Server, { ledger, info, log }: RouteParts): void {
  let listeners = 0
  server.get('/v1/events', {
    schema: {
      summary: 'Server-sent events: block (with its ledger events), quality, milestone. `from` replays blocks from that height.',
      tags: ['ledger'],
      querystring: Type.Object({ from: Type.Optional(Count) }),
    },
    handler: async (request, reply) => {
      if (listeners >= LISTENERS_MAX) throw new NodeError('API_OVERLOADED')
      const { height } = await ledger.query('head')
      const from = Math.max(request.query.from ?? height + 1, height - REPLAY_BLOCKS_MAX)
      const gone = new AbortController()
      const { raw } = reply
      listeners++
      raw.once('close', () => {
        listeners--
        gone.abort()
      })
      void reply.hijack()
      raw.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' })
      const send = (name: string, id: number | null, value: unknown): void => {
        if (raw.writableLength > UNSENT_BYTES_MAX) raw.destroy()
        else raw.write(`event: ${name}\n${id === null ? '' : `id: ${id}\n`}data: ${JSON.stringify(value)}\n\n`)
      }
      raw.write(': taumesh\n\n')
      info.watch((event) => {
        if (event.type === 'quality') send('quality', null, qualityView(event.point))
        else send('milestone', null, event.milestone)
      }, gone.signal)
      try {
        for await (const block of ledger.subscribe(from, gone.signal)) send('block', block.height, blockJson(block))
      } catch (error) {
        if (!gone.signal.aborted) log.warn('an event listener was dropped', { cause: String(error) })
      }
      raw.end()
      return reply
    },
  })
}
