/** The methods of an expert on the network (mixture.md 2.6): bytes in, an answer of the expert out. */
import { NodeError } from '../../protocol/errors.ts'
import {
  decodeChallenge,
  decodePredictRequest,
  decodeQuery,
  decodeServeRequest,
  encodeCommit,
  encodeDescription,
  encodePredictAnswer,
  encodeReveal,
  encodeServeAnswer,
  expertRules,
  MODALITY_COMPLETION,
  modelClasses,
} from '../../protocol/expert-messages.ts'
import type { ExpertMethod } from '../../protocol/expert-messages.ts'
import type { MixtureCompute } from '../../protocol/ports/compute.ts'
import type { Expert } from '../../protocol/ports/expert.ts'
import type { Handler, IncomingCall, Network } from '../../protocol/ports/network.ts'
import type { Clock } from '../../protocol/ports/platform.ts'
import type { Batcher } from './batcher.ts'
import type { ClaimBook } from './claim-book.ts'
import type { StreamBook } from './stream-book.ts'

/** Before this an answer of `expert.predict` to a caller without permit would arrive in time to feed a proxy (6.1). */
const PREDICT_DELAY_MS = 12_000
/** Delayed answers at once: each holds a place of the network's queue while it waits. */
const PREDICT_DELAYED_MAX = 2

export interface MethodsOptions {
  netuid: number
  /** Bytes per second this machine can send. */
  uplink: number
}
export interface MethodsParts {
  network: Pick<Network, 'serve'>
  expert: Pick<Expert, 'describe'>
  mixture: Pick<MixtureCompute, 'ntdEncode'>
  batcher: Batcher
  claims: ClaimBook
  streams: StreamBook
  clock: Pick<Clock, 'sleep' | 'monotonic'>
  /** Told of each answered call and its positions. */
  onAnswer: (method: ExpertMethod, positions: number) => void
}

/** Registers the handlers of all `expert.*` methods. A call for another market is `not_found`. */
export function serveMethods(options: MethodsOptions, parts: MethodsParts): void {
  const { network, onAnswer } = parts
  const delayed = { count: 0 }
  const handlers: Record<ExpertMethod, (call: IncomingCall, caller: Uint8Array) => Promise<{ body: Uint8Array; positions: number }>> = {
    'expert.describe': async () => ({ body: await describe(options, parts), positions: 0 }),
    'expert.claim': async (call, caller) => {
      const query = decodeQuery(call.body)
      return { body: encodeCommit(await parts.claims.commit(caller, query, call.signal)), positions: query.length }
    },
    'expert.reveal': async (call, caller) => ({
      body: encodeReveal(parts.claims.reveal(caller, decodeChallenge(call.body))),
      positions: 0,
    }),
    'expert.predict': async (call) => await predict(call, parts, delayed),
    'expert.serve': async (call, caller) => {
      const request = decodeServeRequest(call.body)
      const answer = await parts.streams.serve(caller, request, call.signal)
      return { body: encodeServeAnswer(answer), positions: request.want + request.draft }
    },
  }
  for (const method of Object.keys(handlers) as ExpertMethod[]) {
    const handler: Handler = async (call) => {
      if (call.netuid !== options.netuid) throw new NodeError('WIRE_NOT_FOUND', { detail: `market ${call.netuid}` })
      if (call.caller === null) throw new NodeError('WIRE_FORBIDDEN', { detail: method })
      const { body, positions } = await handlers[method](call, call.caller)
      onAnswer(method, positions)
      return body
    }
    network.serve(method, expertRules[method], handler)
  }
}

async function describe({ uplink }: MethodsOptions, { expert }: MethodsParts): Promise<Uint8Array> {
  const { root, class: size, sequenceLengthMax, rate } = await expert.describe()
  return encodeDescription({
    root,
    class: modelClasses.indexOf(size),
    modalities: MODALITY_COMPLETION,
    maxLength: sequenceLengthMax,
    rate: Math.min(rate, 0xffff_ffff),
    uplink,
  })
}

async function predict(call: IncomingCall, parts: MethodsParts, delayed: { count: number }) {
  const { context, from, topP, nMax } = decodePredictRequest(call.body)
  const arrived = parts.clock.monotonic()
  const early = !call.access.permit
  if (early && delayed.count >= PREDICT_DELAYED_MAX) throw new NodeError('WIRE_BUSY', { retryAfterMs: PREDICT_DELAY_MS })
  delayed.count += early ? 1 : 0
  try {
    const leaves = await parts.batcher.predict(context, from, call.signal)
    const ntds = parts.mixture.ntdEncode(leaves, topP / 65_535, nMax)
    if (early) await parts.clock.sleep(Math.max(0, PREDICT_DELAY_MS - (parts.clock.monotonic() - arrived)), call.signal)
    return { body: encodePredictAnswer(ntds), positions: context.length - from + 1 }
  } finally {
    delayed.count -= early ? 1 : 0
  }
}
