/** The first prompt of a local network, asked by its own user as soon as enough miners serve, so that a newcomer sees an answer. */
import { utf8, type Hex } from '../protocol/bytes.ts'
import { NodeError } from '../protocol/errors.ts'
import type { ExpertShare, Gateway } from '../protocol/ports/gateway.ts'
import type { Ledger } from '../protocol/ports/ledger.ts'
import type { Clock, Log } from '../protocol/ports/platform.ts'

/** JavaScript, which one of the miners knows by heart from the first second on: the answer shows that the right expert was found. */
export const DEMO_PROMPT = "import { join } from 'node:path'\n\nexport function "
const DEMO_BYTES = 64
const RETRY_MS = 500
/** All miners are waited for this long, then fewer will do. */
const ALL_MS = 15_000

/** Asks until it is answered or the signal aborts. */
export async function firstCompletion(
  { coldkey, netuid, miners, minersMin }: { coldkey: Hex; netuid: number; miners: number; minersMin: number },
  parts: { gateway: Gateway; ledger: Pick<Ledger, 'query'>; clock: Clock; log: Log },
  signal: AbortSignal,
): Promise<{ text: string; experts: ExpertShare[] } | null> {
  const { gateway, ledger, clock, log } = parts
  const request = { prompt: utf8(DEMO_PROMPT), maxBytes: DEMO_BYTES, temperature: 0.5, topP: 0.9, seed: 1n, stop: [] }
  const began = clock.monotonic()
  while (!signal.aborted) {
    try {
      const serving = (await ledger.query('neurons', netuid)).filter(({ model, addresses }) => model !== null && addresses.length > 0)
      if (serving.length < (clock.monotonic() - began < ALL_MS ? miners : minersMin)) throw new NodeError('GATEWAY_NO_EXPERT')
      const bytes: number[] = []
      for await (const event of gateway.complete(coldkey, request, signal)) {
        if (event.type === 'byte') bytes.push(event.byte)
        if (event.type === 'end') return { text: Buffer.from(bytes).toString('utf8'), experts: event.experts }
      }
    } catch (error) {
      if (signal.aborted) return null
      log.debug('no answer to the first prompt yet', { reason: error instanceof NodeError ? error.code : String(error) })
    }
    await clock.sleep(RETRY_MS, signal).catch(() => undefined)
  }
  return null
}
