/**
 * One answer, byte by byte (mixture.md 2.4 and 3). Round: whoever has the largest weight drafts a few bytes, the others give
 * their distributions for the same bytes in one call, and the gateway takes from the mixture its own byte at each
 * position, as long as these are the drafted ones and once beyond. Because draft and choice share their chance, what is
 * taken never depends on who drafted; a draft only decides how many calls it costs.
 */
import { streamId } from '../../protocol/draft-draws.ts'
import type { DraftDraws } from '../../protocol/draft-draws.ts'
import { NodeError } from '../../protocol/errors.ts'
import { APPEND_BYTES_MAX, SERVE_POSITIONS_MAX } from '../../protocol/expert-messages.ts'
import type { MixtureCompute } from '../../protocol/ports/compute.ts'
import type { Expert } from '../../protocol/ports/expert.ts'
import type { CompletionEvent, CompletionRequest, ExpertShare } from '../../protocol/ports/gateway.ts'
import type { Network } from '../../protocol/ports/network.ts'
import type { Clock, Log } from '../../protocol/ports/platform.ts'
import { byteShares, mixRows, servingWeights } from '../../scoring/serving-posterior.ts'
import type { Peer } from './directory.ts'
import { FallbackTrack } from './fallback-track.ts'
import { gather } from './gather.ts'
import { PeerStream } from './peer-stream.ts'
import type { PeerAnswer } from './peer-stream.ts'
import { sampleByte } from './sampler.ts'
import { StopFilter } from './stop-filter.ts'
import { Text } from './text.ts'

export interface CompletionOptions {
  netuid: number
  experts: number
  contextBytes: number
  draftMax: number
  answerMs: number
  graceMs: number
  /** Makes stream ids of this gateway differ. */
  counter: number
  /** Shared chance of the request. */
  key: number
}
export interface CompletionParts {
  network: Pick<Network, 'call'>
  mixture: Pick<MixtureCompute, 'ntdDecode' | 'decode'>
  fallback: Pick<Expert, 'open'>
  clock: Pick<Clock, 'monotonic' | 'sleep'>
  log: Log
  /** Runs one round when the caller's turn has come. */
  turn: <T>(cost: number, round: () => Promise<T>) => Promise<T>
  /** Told once per asked expert how it did on the prompt: mean log2 p, null when it failed; `later` marks a failure after it. */
  onJudged: (peer: Peer, meanLog2: number | null) => void
}
type ByteEvent = Extract<CompletionEvent, { type: 'byte' }>

export class Completion {
  readonly #request: CompletionRequest
  readonly #options: CompletionOptions
  readonly #parts: CompletionParts
  readonly #signal: AbortSignal
  readonly #draws: DraftDraws
  readonly #text: Text
  readonly #fallback: FallbackTrack
  #active: PeerStream[] = []
  /** Asked for the prompt and good, but not among the best: they take the places of those that fail. */
  #standby: PeerStream[] = []
  readonly #gone: PeerStream[] = []
  #fallbackCarried = 0
  #answered = 0
  /** Fading mean of bytes a draft foresaw; sets the length of the next one. */
  #foreseen = 4
  #run = 0

  constructor(request: CompletionRequest, options: CompletionOptions, parts: CompletionParts, signal: AbortSignal) {
    this.#request = request
    this.#options = options
    this.#parts = parts
    this.#signal = signal
    this.#draws = { key: options.key, temperature: request.temperature }
    const visible = request.prompt.subarray(Math.max(0, request.prompt.length - options.contextBytes))
    this.#text = new Text(visible, request.maxBytes + SERVE_POSITIONS_MAX)
    this.#fallback = new FallbackTrack(parts.fallback.open(), parts)
  }

  /** @throws NodeError GATEWAY_NO_EXPERT when no expert answers, at the beginning or any more */
  async *events(peers: readonly Peer[]): AsyncGenerator<CompletionEvent, void> {
    try {
      await this.#parts.turn(peers.length, async () => await this.#begin(peers))
      yield { type: 'start', experts: this.#present() }
      const filter = new StopFilter<ByteEvent>(this.#request.stop)
      let released = 0
      for (let made = 0; made < this.#request.maxBytes; made++) {
        const event = await this.#next(this.#request.maxBytes - made)
        const { released: sure, stopped } = filter.push(event.byte, event)
        for (const byte of sure) yield byte
        released += sure.length
        if (stopped) return yield this.#end('stop', released)
      }
      const rest = filter.flush()
      for (const byte of rest) yield byte
      yield this.#end('length', released + rest.length)
    } finally {
      this.#fallback.close()
    }
  }

  /** Asks all candidates for the end of the prompt and keeps the best by what they gave its bytes. */
  async #begin(peers: readonly Peer[]): Promise<void> {
    const { netuid, answerMs: deadlineMs, counter, experts } = this.#options
    const stream = streamId(counter, this.#draws)
    const streams = peers.map((peer) => new PeerStream(peer, { netuid, stream, deadlineMs }, this.#parts))
    const [good] = await Promise.all([this.#ask(streams, 0), this.#fallback.extend(this.#text)])
    this.#fallback.score(this.#text)
    const taken = good.filter(({ stream, answer }) => this.#take(stream, answer)).map(({ stream }) => stream)
    for (const { peer, loss } of taken) this.#parts.onJudged(peer, loss.meanLog2)
    const ranked = taken.sort((a, b) => b.loss.meanLog2 - a.loss.meanLog2 || a.peer.uid - b.peer.uid)
    this.#active = ranked.slice(0, experts)
    this.#standby = ranked.slice(experts)
    if (this.#active.length === 0) throw new NodeError('GATEWAY_NO_EXPERT', { netuid })
  }

  /** Takes the byte at the next position from the mixture. */
  async #next(left: number): Promise<ByteEvent> {
    const position = this.#text.length
    if (!this.#active.some((stream) => stream.row(position) !== undefined)) await this.#round(left)
    const streams = this.#active.filter((stream) => stream.row(position) !== undefined)
    const rows = [...streams.map((stream) => stream.row(position) as Float64Array), this.#fallback.row(position)]
    const weights = servingWeights([...streams.map(({ loss }) => loss.faded), this.#fallback.loss.faded])
    const byte = sampleByte(mixRows(weights, rows), this.#draws, this.#request.topP, position)
    const shares = byteShares(weights, rows, byte)
    for (const [i, stream] of streams.entries()) stream.carried += shares[i] ?? 0
    this.#fallbackCarried += shares.at(-1) ?? 0
    this.#answered += 1
    this.#settle(position, byte)
    return {
      type: 'byte',
      byte,
      shares: [...streams.map(({ peer }, i) => shareOf(peer, shares[i] ?? 0)), fallbackShare(shares.at(-1) ?? 0)],
    }
  }

  #settle(position: number, byte: number): void {
    const drafted = this.#text.end > position
    const foreseen = this.#text.push(byte)
    for (const stream of [...this.#active, ...this.#standby]) stream.settle(position, byte, foreseen)
    this.#fallback.settle(position, byte, foreseen)
    if (foreseen) this.#run += 1
    if (drafted && this.#text.end === this.#text.length) {
      this.#foreseen += 0.25 * (this.#run - this.#foreseen)
      this.#run = 0
    }
  }

  /** Fetches distributions from the next position on. */
  async #round(left: number): Promise<void> {
    const draft = Math.max(0, Math.min(this.#options.draftMax, left - 1, Math.ceil(1.5 * this.#foreseen) + 1))
    await this.#parts.turn(draft + 1, async () => {
      const position = this.#text.length
      while (this.#active.length > 0 && !this.#active.some((stream) => stream.row(position) !== undefined)) {
        this.#promote(draft)
        const [leader, ...others] = this.#byWeight()
        if (leader === undefined) break
        const local = this.#fallback.loss.faded < leader.loss.faded
        const led = local ? [] : await this.#ask([leader], draft)
        if (local) await this.#fallback.draft(this.#text, draft, this.#draws)
        else if (led[0] === undefined) continue
        else this.#text.draft(led[0].answer.drafted)
        const [good] = await Promise.all([this.#ask(local ? this.#active : others, 0), this.#fallback.extend(this.#text)])
        for (const { stream, answer } of [...led, ...good]) this.#take(stream, answer)
      }
    })
    if (this.#active.length === 0) throw new NodeError('GATEWAY_NO_EXPERT', { netuid: this.#options.netuid })
  }

  /** Asks these experts at once; who fails, or is much slower than the others, is dropped. */
  async #ask(streams: readonly PeerStream[], draft: number): Promise<{ stream: PeerStream; answer: PeerAnswer }[]> {
    if (streams.length === 0) return []
    const outcomes = await gather(
      { graceMs: this.#options.graceMs },
      streams,
      async (stream, signal) => await stream.ask(this.#text, draft, signal),
      this.#parts,
      this.#signal,
    )
    return outcomes.flatMap((outcome, i) => {
      const stream = streams[i] as PeerStream
      if (outcome.status === 'answered') return [{ stream, answer: outcome.value }]
      this.#drop(stream, outcome.reason)
      return []
    })
  }

  /** @returns false when the answer cannot be decoded; then the expert is dropped */
  #take(stream: PeerStream, answer: PeerAnswer): boolean {
    try {
      stream.take(answer, this.#text, this.#fallback)
      return true
    } catch (error) {
      this.#drop(stream, error)
      return false
    }
  }

  #drop(stream: PeerStream, reason: unknown): void {
    const { uid, hotkey } = stream.peer
    this.#parts.log.info('an expert is dropped from a completion', {
      uid,
      hotkey,
      reason: reason instanceof Error ? reason.message : String(reason),
    })
    this.#active = this.#active.filter((other) => other !== stream)
    this.#standby = this.#standby.filter((other) => other !== stream)
    this.#gone.push(stream)
    this.#parts.onJudged(stream.peer, null)
  }

  /** Fills empty places from those who wait, as far as one call can bring them up to date. */
  #promote(draft: number): void {
    const near = (stream: PeerStream): boolean => stream.behind(this.#text) + draft <= APPEND_BYTES_MAX
    while (this.#active.length < this.#options.experts) {
      const next = this.#standby.find(near)
      if (next === undefined) return
      this.#standby = this.#standby.filter((other) => other !== next)
      this.#active.push(next)
    }
  }

  #byWeight(): PeerStream[] {
    return [...this.#active].sort((a, b) => a.loss.faded - b.loss.faded || a.peer.uid - b.peer.uid)
  }

  /** Weights of all present, as they stand. */
  #present(): ExpertShare[] {
    const weights = servingWeights([...this.#active.map(({ loss }) => loss.faded), this.#fallback.loss.faded])
    return [...this.#active.map(({ peer }, i) => shareOf(peer, weights[i] ?? 0)), fallbackShare(weights.at(-1) ?? 0)]
  }

  #end(reason: 'stop' | 'length', completionBytes: number): CompletionEvent {
    const total = Math.max(1, this.#answered)
    const took = [...this.#active, ...this.#standby, ...this.#gone].filter((stream) => stream.carried > 0 || this.#active.includes(stream))
    const experts = [...took.map(({ peer, carried }) => shareOf(peer, carried / total)), fallbackShare(this.#fallbackCarried / total)]
    return { type: 'end', reason, experts, promptBytes: this.#request.prompt.length, completionBytes }
  }
}

const shareOf = ({ uid, hotkey, kind }: Peer, share: number): ExpertShare => ({ uid, hotkey, kind, share })
const fallbackShare = (share: number): ExpertShare => ({ uid: -1, hotkey: '', kind: 'fallback', share })
