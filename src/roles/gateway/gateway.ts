/**
 * The gateway: takes prompts of those who hold stake, picks the experts for each, and streams the mixture's answer with
 * who carried every byte. It learns from each prompt which experts suit which text.
 */
import { toHex } from '../../protocol/bytes.ts'
import type { Hex } from '../../protocol/bytes.ts'
import { NodeError } from '../../protocol/errors.ts'
import type { MixtureCompute } from '../../protocol/ports/compute.ts'
import type { Expert } from '../../protocol/ports/expert.ts'
import type { CompletionEvent, CompletionRequest, Gateway } from '../../protocol/ports/gateway.ts'
import type { Ledger } from '../../protocol/ports/ledger.ts'
import type { Network } from '../../protocol/ports/network.ts'
import type { Clock, Log } from '../../protocol/ports/platform.ts'
import { contextFeatures, LinUcb } from '../../scoring/lin-ucb.ts'
import { ChainWatch } from '../chain-watch.ts'
import { Completion } from './completion.ts'
import { Directory } from './directory.ts'
import type { Peer } from './directory.ts'
import { Membership } from './membership.ts'
import { Openings } from './openings.ts'
import type { Opening } from './openings.ts'
import { gatewayDefaults } from './options.ts'
import type { GatewayOptions } from './options.ts'
import { chanceOf } from './sampler.ts'
import { FairTurns } from './turns.ts'

const TEMPERATURE_MAX = 4
const STOPS_MAX = 16
const STOP_BYTES_MAX = 64
const PROMPT_BYTES_MAX = 1_048_576
/** log2 p of a uniform guess: what a failure is rewarded with. */
const FAILURE_LOG2 = -8

export interface GatewayParts {
  ledger: Pick<Ledger, 'query' | 'subscribe'>
  /** Bound to the gateway's own hotkey, which its miners allow or which has stake. */
  network: Pick<Network, 'call'>
  /** The gateway's hotkey. */
  hotkey: Uint8Array
  mixture: Pick<MixtureCompute, 'ntdDecode' | 'decode'>
  /** The public fallback p0 of the market. */
  fallback: Pick<Expert, 'open'>
  clock: Clock
  log: Log
  /** Kinds of the experts that the node knows itself; others are named by their class. */
  kindOf?: ((hotkey: Hex) => string | undefined) | undefined
}
export type GatewayInit = { netuid: number } & Partial<GatewayOptions>
export interface GatewayStatus {
  open: number
  completions: number
  bytes: number
}

export class MixtureGateway implements Gateway {
  readonly #options: GatewayOptions & { netuid: number }
  readonly #parts: GatewayParts
  readonly #watch: ChainWatch
  readonly #directory: Directory
  readonly #membership: Membership
  readonly #openings: Openings
  readonly #turns: FairTurns
  readonly #selector = new LinUcb()
  readonly #closing = new AbortController()
  #counter = 0
  #completions = 0
  #bytes = 0

  constructor(options: GatewayInit, parts: GatewayParts) {
    this.#options = { ...gatewayDefaults, ...options }
    this.#parts = parts
    const { netuid, restMs, roundsMax } = this.#options
    this.#watch = new ChainWatch(parts)
    this.#directory = new Directory({ netuid, own: toHex(parts.hotkey), restMs }, parts)
    this.#membership = new Membership({ netuid }, parts)
    this.#openings = new Openings(this.#options)
    this.#turns = new FairTurns({ runningMax: roundsMax })
  }

  /** Begins to follow the ledger. */
  async start(): Promise<void> {
    this.#watch.listen((block) => this.#directory.see(block))
    await this.#watch.start()
  }

  async close(): Promise<void> {
    this.#closing.abort(new NodeError('GATEWAY_CLOSED'))
    await this.#watch.close()
  }

  status(): GatewayStatus {
    return { open: this.#openings.count, completions: this.#completions, bytes: this.#bytes }
  }

  async *complete(coldkey: Hex, request: CompletionRequest, signal?: AbortSignal): AsyncGenerator<CompletionEvent, void> {
    this.#check(request)
    const share = await this.#membership.shareOf(coldkey)
    const stop = new AbortController()
    const opening: Opening = { caller: coldkey, started: false, abort: (reason) => stop.abort(reason) }
    this.#openings.enter(opening, share)
    const either = AbortSignal.any([stop.signal, this.#closing.signal, ...(signal === undefined ? [] : [signal])])
    this.#limitTime(stop)
    try {
      either.throwIfAborted()
      const peers = await this.#choose(request)
      const completion = this.#completion(request, { name: coldkey, share }, opening, either, peers.features)
      for await (const event of completion.events(peers.chosen)) {
        if (event.type === 'byte') this.#bytes += 1
        yield event
      }
      this.#completions += 1
    } finally {
      this.#openings.leave(opening)
      stop.abort(new NodeError('GATEWAY_CLOSED'))
    }
  }

  /** Ends a completion that takes too long; `stop` ends the wait. */
  #limitTime(stop: AbortController): void {
    const { totalMs } = this.#options
    const timer = this.#parts.clock.sleep(totalMs, stop.signal).then(() => stop.abort(new NodeError('GATEWAY_DEADLINE', { totalMs })))
    timer.catch(() => undefined)
  }

  async #choose({ prompt, seed }: CompletionRequest): Promise<{ chosen: Peer[]; features: Float64Array }> {
    const { contextBytes, candidates, netuid } = this.#options
    const features = contextFeatures(prompt.subarray(Math.max(0, prompt.length - contextBytes)))
    const peers = await this.#directory.peers()
    if (peers.length === 0) throw new NodeError('GATEWAY_NO_EXPERT', { netuid })
    const named = peers.map((peer) => ({ name: peer.hotkey, uid: peer.uid, peer }))
    return { chosen: this.#selector.choose(named, features, candidates, chanceOf(seed).slot).map(({ peer }) => peer), features }
  }

  #completion(
    request: CompletionRequest,
    caller: { name: string; share: number },
    opening: Opening,
    signal: AbortSignal,
    features: Float64Array,
  ): Completion {
    this.#counter += 1
    const turn = async <T>(cost: number, round: () => Promise<T>): Promise<T> =>
      await this.#turns.take(caller, cost, signal, async () => {
        opening.started = true
        return await round()
      })
    const onJudged = (peer: Peer, meanLog2: number | null): void => {
      if (meanLog2 === null) this.#directory.failed(peer)
      else this.#directory.answered(peer)
      this.#selector.reward(peer.hotkey, features, meanLog2 ?? FAILURE_LOG2)
    }
    const options = { ...this.#options, counter: this.#counter, key: chanceOf(request.seed).key }
    return new Completion(request, options, { ...this.#parts, turn, onJudged }, signal)
  }

  #check({ prompt, maxBytes, temperature, topP, stop }: CompletionRequest): void {
    const { bytesMax } = this.#options
    demand(prompt.length <= PROMPT_BYTES_MAX, `the prompt has more than ${PROMPT_BYTES_MAX} bytes`)
    demand(Number.isInteger(maxBytes) && maxBytes >= 1 && maxBytes <= bytesMax, `the answer may have 1 to ${bytesMax} bytes`)
    demand(temperature >= 0 && temperature <= TEMPERATURE_MAX, `the temperature is not within 0..${TEMPERATURE_MAX}`)
    demand(topP > 0 && topP <= 1, 'top_p is not within 0..1')
    demand(
      stop.length <= STOPS_MAX && stop.every(({ length }) => length > 0 && length <= STOP_BYTES_MAX),
      'the stop sequences are too many or too long',
    )
  }
}

function demand(holds: boolean, detail: string): void {
  if (!holds) throw new NodeError('GATEWAY_ARGUMENT', { detail })
}
