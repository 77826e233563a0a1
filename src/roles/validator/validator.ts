/**
 * A validator: waits for its permit, finds the miners of its market, scores them in passes, and puts the weights that
 * follow on the ledger. It looks at the ledger at each block and after each pass and does what is missing, so a restart,
 * a lost permit or a failed transaction all end in the same state.
 */
import { toHex } from '../../protocol/bytes.ts'
import type { Hex } from '../../protocol/bytes.ts'
import { NodeError } from '../../protocol/errors.ts'
import type { MixtureCompute, Model } from '../../protocol/ports/compute.ts'
import type { BlockEvents, Ledger, Market, Neuron } from '../../protocol/ports/ledger.ts'
import type { Network } from '../../protocol/ports/network.ts'
import type { QualityPoint, ScoreRow } from '../../protocol/ports/node-info.ts'
import type { Clock, Log, Metrics, Random, Signer } from '../../protocol/ports/platform.ts'
import type { RecordList, RecordStore } from '../../protocol/ports/records.ts'
import { PHI_ONE, estimate } from '../../scoring/statistics.ts'
import { SpanSource } from '../../scoring/spans.ts'
import type { SpanText } from '../../scoring/spans.ts'
import { parametersHash } from '../../scoring/steps.ts'
import { addGame, isOut } from '../../scoring/tally.ts'
import { ChainWatch } from '../chain-watch.ts'
import { submitter } from '../submit.ts'
import type { Submit } from '../submit.ts'
import { EvidenceLog } from './evidence-log.ts'
import { EPOCHS_MAX, EvidenceShelf } from './evidence-server.ts'
import { MinerBook } from './miner-book.ts'
import type { Miner } from './miner-book.ts'
import { evidenceBytes, validatorDefaults } from './options.ts'
import type { ValidatorOptions } from './options.ts'
import { runPass, STRAIN_MAX } from './pass.ts'
import type { PassOutcome } from './pass.ts'
import { addQuality, qualityList } from './quality.ts'
import { Turn } from './turn.ts'
import { commitBlocks, WeightsCycle } from './weights-cycle.ts'
import type { WeightsStatus } from './weights-cycle.ts'

/** Miners of one pass: their records fit one durable append. A larger market is scored in drawn parts. */
const PASS_MINERS_MAX = 1_024

/** Steps of the time that a busy machine gives. */
const STRAIN_RISE = 2
const STRAIN_FALL = 0.75
/** Weight of the newest pass in the blocks that one takes. */
const PASS_BLOCKS_WEIGHT = 1 / 4

export interface ValidatorParts {
  ledger: Ledger
  /** Bound to this validator's hotkey. */
  network: Pick<Network, 'addresses' | 'call' | 'serve'>
  mixture: MixtureCompute
  /** The market's public fallback p0. */
  fallback: Pick<Model, 'predict'>
  /** Private texts, by domain. */
  texts: readonly SpanText[]
  /** The hotkey's. */
  signer: Signer
  records: RecordStore
  clock: Clock
  random: Random
  log: Log
  metrics?: Metrics | undefined
  /** One submitter per hotkey, where another role uses the key too. Default: its own. */
  submit?: Submit | undefined
  /** Called after each recorded pass. */
  onStep?: ((point: QualityPoint) => void) | undefined
}
export interface ValidatorStatus extends WeightsStatus {
  netuid: number
  hotkey: Hex
  state: 'starting' | 'waiting' | 'scoring' | 'failed' | 'closed'
  uid: number | null
  epoch: bigint
  /** Miners that the market lists, and that answered. */
  listed: number
  known: number
  /** Passes recorded since the start, under way, and given up because this side failed. */
  passes: number
  inFlight: number
  discarded: number
  domains: string[]
  /** Why it does not work; null when it does. */
  reason: string | null
  scores: (ScoreRow & { served: number })[]
}
export type ValidatorInit = { netuid: number } & Partial<ValidatorOptions>

/** What exists once the ledger has said which market this is. */
interface Desk {
  evidence: EvidenceLog
  cycle: WeightsCycle
}
interface Place {
  source: SpanSource
  book: MinerBook
  length: number
}

export class Validator {
  readonly #options: ValidatorOptions & { netuid: number }
  readonly #parts: ValidatorParts
  readonly #hotkey: Hex
  readonly #closing = new AbortController()
  readonly #watch: ChainWatch
  readonly #submit: Submit
  readonly #claiming = new Turn()
  readonly #quality: RecordList
  readonly #running = new Set<Promise<void>>()
  readonly #lastPhi = new Map<Hex, bigint>()
  readonly #status: Omit<ValidatorStatus, 'committed' | 'revealed' | 'scores' | 'listed' | 'known' | 'inFlight' | 'domains'>
  #market: Place | null = null
  #desk: Desk | null = null
  #wake = Promise.withResolvers<void>()
  #loop: Promise<void> = Promise.resolve()
  /** Neurons may have changed since they were read. */
  #stale = true
  /** One duty towards the ledger at a time. */
  #duty: Promise<void> | null = null
  #epochPasses = 0
  /** Height at which unknown miners were last asked. */
  #askedAt = -1
  /** How much more time a busy machine gives to all; rises when a pass is given up, falls with each that counts. */
  #strain = 1
  /** Blocks that a pass takes, as measured. */
  #passBlocks = 1
  /** After a failure nothing begins before this height. */
  #restUntil = 0

  constructor(options: ValidatorInit, parts: ValidatorParts) {
    this.#options = { ...validatorDefaults, ...options }
    this.#parts = parts
    this.#hotkey = toHex(parts.signer.publicKey)
    this.#watch = new ChainWatch({ ledger: parts.ledger, log: parts.log })
    this.#submit = parts.submit ?? submitter({ ledger: parts.ledger, signer: parts.signer })
    this.#quality = qualityList(parts.records)
    const { netuid } = options
    this.#status = { netuid, hotkey: this.#hotkey, state: 'starting', uid: null, epoch: 0n, passes: 0, discarded: 0, reason: null }
  }

  /** Begins to follow the ledger; resolves once its head is known. */
  async start(): Promise<void> {
    const { signal } = this.#closing
    this.#watch.listen((block) => this.#see(block))
    await this.#watch.start()
    this.#status.state = 'waiting'
    signal.addEventListener('abort', () => this.#wake.resolve(), { once: true })
    this.#loop = this.#keepTurns(signal)
  }

  status(): ValidatorStatus {
    const { committed, revealed } = this.#desk?.cycle.status ?? { committed: null, revealed: null }
    return {
      ...this.#status,
      committed,
      revealed,
      listed: this.#market?.book.listed ?? 0,
      known: this.#market?.book.known().length ?? 0,
      inFlight: this.#running.size,
      domains: this.#market?.source.domains ?? [],
      scores: this.#scores(),
    }
  }

  /** Stops passes and duties; what is not recorded yet is left out. */
  async close(): Promise<void> {
    this.#closing.abort(new NodeError('VALIDATOR_CLOSED'))
    await this.#loop
    await Promise.all([...this.#running, this.#duty, this.#watch.close()])
    this.#status.state = 'closed'
  }

  #see(block: BlockEvents): void {
    const { netuid } = this.#options
    const here = block.events.some((event) => 'netuid' in event && event.netuid === netuid)
    if (here || block.receipts.some(({ kind }) => kind === 'serve' || kind === 'commit_model')) this.#stale = true
    this.#wake.resolve()
  }

  async #keepTurns(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      this.#wake = Promise.withResolvers<void>()
      try {
        await this.#turn(signal)
      } catch (error) {
        if (signal.aborted) return
        this.#fail('a look at the ledger failed', error)
      }
      if (signal.aborted) return
      await this.#wake.promise
    }
  }

  async #turn(signal: AbortSignal): Promise<void> {
    const { netuid } = this.#options
    const { ledger } = this.#parts
    const [market, neuron] = await Promise.all([ledger.query('market', netuid), ledger.query('neuronOf', netuid, this.#hotkey)])
    if (market.epoch !== this.#status.epoch) this.#epochPasses = 0
    this.#status.epoch = market.epoch
    this.#status.uid = neuron?.uid ?? null
    if (neuron === null) return this.#wait('not registered')
    const here = this.#placeOf(market)
    if (this.#stale) {
      this.#stale = false
      await here.book.read()
    }
    const { height } = this.#watch.tip
    if (here.book.known().length < here.book.listed && this.#askedAt !== height) {
      // Once a block: a miner that cannot be reached fails at once, and would be asked without end.
      this.#askedAt = height
      void here.book.ask(signal).then(() => this.#wake.resolve())
    }
    this.#announce(neuron, signal)
    if (!neuron.permit || neuron.stake < market.validatorStakeMinimum) return this.#wait('no permit yet')
    this.#desk ??= await this.#openDesk(market)
    this.#status.state = 'scoring'
    this.#status.reason = null
    this.#act(market, here, this.#desk, signal)
  }

  #wait(reason: string): void {
    this.#status.state = 'waiting'
    this.#status.reason = reason
  }

  /** Begins what is due; nothing here is waited for, so that the next block finds us ready. */
  #act(market: Market, here: Place, { evidence, cycle }: Desk, signal: AbortSignal): void {
    const left = market.blocksUntilEpoch === 0 ? market.tempo + 1 : market.blocksUntilEpoch
    const last = commitBlocks(market.tempo)
    if (evidence.pending.some((row) => row.height === 0 || market.epoch > row.epoch)) {
      this.#doDuty('weights', async () => await cycle.settle(market, signal))
    }
    if (left <= last) {
      // A pass still under way was slower than any before: it is lost, for a late commitment would lose the whole row. Only
      // where nobody has earned anything yet nothing is committed, and the pass may still change that.
      if (!cycle.hasRow(market.epoch)) {
        this.#doDuty('weights', async () => await cycle.commit(market, parametersHash(this.#parameters(market)), signal))
      }
      return
    }
    // What cannot end before the commitment would hold it up, or be lost.
    if (left <= last + Math.max(1, Math.ceil(this.#passBlocks)) || this.#watch.tip.height < this.#restUntil) return
    const { passesInFlight, passesPerEpoch, minersMin } = this.#options
    const known = here.book.known()
    const miners = this.#drawn(known.filter(({ uid }) => !isOut(evidence.tally, uid)))
    if (known.length < minersMin || miners.length === 0) return
    while (this.#running.size < passesInFlight && this.#epochPasses < passesPerEpoch) {
      this.#epochPasses += 1
      const pass = this.#pass(miners, here, evidence, signal).finally(() => {
        this.#running.delete(pass)
        this.#wake.resolve()
      })
      this.#running.add(pass)
    }
  }

  /** All of a small market; of a large one as many as a pass can hold, drawn anew each time. */
  #drawn(miners: Miner[]): Miner[] {
    if (miners.length <= PASS_MINERS_MAX) return miners
    const keyed = miners.map((miner) => ({ miner, key: toHex(this.#parts.random.bytes(8)) }))
    const chosen = keyed.toSorted((a, b) => (a.key < b.key ? -1 : 1)).slice(0, PASS_MINERS_MAX)
    return chosen.map(({ miner }) => miner).toSorted((a, b) => a.uid - b.uid)
  }

  async #pass(miners: readonly Miner[], here: Place, evidence: EvidenceLog, signal: AbortSignal): Promise<void> {
    const { netuid } = this.#options
    const { ledger, network, mixture, fallback, clock, log } = this.#parts
    const { seed } = evidence
    const begun = { ms: clock.monotonic(), height: this.#watch.tip.height }
    try {
      const parts = {
        ledger,
        network,
        mixture,
        fallback,
        spans: here.source,
        watch: this.#watch,
        book: here.book,
        clock,
        log,
        claiming: this.#claiming,
      }
      const plan = { netuid, pass: evidence.takePass(), seed, length: here.length, miners, strain: this.#strain }
      const outcome = await runPass(plan, this.#options, parts, signal)
      const counted = await evidence.addPass(seed, outcome.records, (statistics, tally) => {
        for (const game of outcome.games) addGame(statistics, tally, outcome.positions, game)
      })
      if (!counted) {
        log.warn('a pass ended after its epoch and is left out', { pass: plan.pass })
        this.#status.discarded += 1
        return
      }
      this.#strain = Math.max(1, this.#strain * STRAIN_FALL)
      this.#passBlocks += (this.#watch.tip.height - begun.height - this.#passBlocks) * PASS_BLOCKS_WEIGHT
      await this.#recorded(outcome, (clock.monotonic() - begun.ms) / 1_000)
    } catch (error) {
      if (signal.aborted) return
      // Repeated with fresh spans: it does not count as one of the epoch's, and gives everybody more time.
      this.#epochPasses = Math.max(0, this.#epochPasses - 1)
      this.#strain = Math.min(STRAIN_MAX, this.#strain * STRAIN_RISE)
      this.#status.discarded += 1
      this.#restUntil = this.#watch.tip.height + 1
      this.#fail('a pass is given up', error)
    }
  }

  async #recorded({ games, quality, height, positions }: PassOutcome, seconds: number): Promise<void> {
    const { clock, log, metrics, onStep } = this.#parts
    this.#status.passes += 1
    for (const { hotkey, phi } of games.flat()) this.#lastPhi.set(toHex(hotkey), phi)
    const failed = games.flat().filter(({ status }) => status !== 'in time').length
    log.info('pass recorded', {
      pass: this.#status.passes,
      seconds: Math.round(seconds * 100) / 100,
      failed,
      network: quality.network,
      fallback: quality.fallback,
    })
    metrics?.observe('validator_pass_seconds', seconds)
    metrics?.gauge('validator_network_bits_per_byte', quality.network)
    metrics?.count('validator_peer_failures', failed)
    const point = { time: clock.now(), height, validator: this.#hotkey, ...quality, positions }
    await addQuality(this.#quality, point)
    onStep?.(point)
  }

  /** Parts that depend on the market's length of spans; made anew when an era changes it. */
  #placeOf({ sequenceLength }: Market): Place {
    if (this.#market?.length === sequenceLength) return this.#market
    const { texts, ledger, network, log } = this.#parts
    const { netuid, callTimeoutMs } = this.#options
    const book = new MinerBook({ netuid, own: this.#hotkey, length: sequenceLength, timeoutMs: callTimeoutMs }, { ledger, network, log })
    this.#market = { source: new SpanSource(texts, sequenceLength), book, length: sequenceLength }
    this.#stale = true
    return this.#market
  }

  async #openDesk(market: Market): Promise<Desk> {
    const { netuid } = this.#options
    const { records, random, ledger, signer, network, log } = this.#parts
    const name = `${netuid}.${this.#hotkey.slice(0, 16)}`
    const list = records.list(`evidence.${name}`, { maxBytes: evidenceBytes(this.#options) })
    const start = { epoch: market.epoch, params: parametersHash(this.#parameters(market)) }
    const evidence = await EvidenceLog.open({ netuid }, { list, random }, start)
    const shelf = new EvidenceShelf({ table: records.table(`epochs.${name}`, { maxRows: EPOCHS_MAX }), log: evidence })
    shelf.serve(netuid, network)
    const parts = { ledger, submit: this.#submit, evidence, shelf, hotkey: signer.publicKey, log }
    return { evidence, cycle: new WeightsCycle({ netuid }, parts) }
  }

  #parameters({ sequenceLength: length, fallbackRoot, baseRoot }: Market): { length: number; fallbackRoot: Hex; baseRoot: Hex } {
    return { length, fallbackRoot, baseRoot }
  }

  /** Tells the ledger where `data.evidence` is served. */
  #announce(neuron: Neuron, signal: AbortSignal): void {
    const addresses = this.#parts.network.addresses()
    if (addresses.length === 0 || addresses.join() === neuron.addresses.join() || this.#watch.tip.height < this.#restUntil) return
    const { netuid } = this.#options
    this.#doDuty('serve', async () => {
      const { error } = await this.#submit({ kind: 'serve', netuid, addresses, httpIp: new Uint8Array(16), httpPort: 0 }, signal)
      if (error !== null) throw new Error(error.text)
    })
  }

  /** Runs a duty towards the ledger unless one is under way: whoever comes too early is found again at the next block. */
  #doDuty(what: string, work: () => Promise<void>): void {
    if (this.#duty !== null) return
    this.#duty = work()
      .catch((error: unknown) => {
        if (!this.#closing.signal.aborted) this.#fail(`a duty failed and is tried again: ${what}`, error)
      })
      .finally(() => {
        this.#duty = null
      })
  }

  #fail(message: string, error: unknown): void {
    const reason = error instanceof Error ? error.message : String(error)
    this.#status.reason = reason
    if (error instanceof NodeError && error.code === 'VALIDATOR_STATE') this.#status.state = 'failed'
    this.#parts.log.warn(message, { reason })
  }

  #scores(): ValidatorStatus['scores'] {
    const { statistics, tally } = this.#desk?.evidence ?? { statistics: new Map(), tally: new Map() }
    return [...statistics].map(([uid, peer]) => {
      const { mean, lcb, effectiveSteps, uptime } = estimate(peer)
      const lastPhi = Number(this.#lastPhi.get(peer.hotkey) ?? 0n) / PHI_ONE
      const served = tally.get(uid)?.served ?? 0
      return { validator: this.#hotkey, uid, hotkey: peer.hotkey, mean, lowerBound: lcb, samples: effectiveSteps, uptime, lastPhi, served }
    })
  }
}

/** A validator of one market, to be started. */
export const validator = (options: ValidatorInit, parts: ValidatorParts): Validator => new Validator(options, parts)
