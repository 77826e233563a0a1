/**
 * A miner: enters its market by proof of work, tells the ledger where it listens and which model it serves, answers the
 * `expert.*` methods, and trains on in between. It looks at the ledger again at each epoch and after each event of its
 * own, and does what is missing; so a restart, a pruning or a lost transaction all end in the same state.
 */
import { equal, fromHex, toHex } from '../../protocol/bytes.ts'
import { errors, isErrorCode, NodeError } from '../../protocol/errors.ts'
import { modelClasses } from '../../protocol/expert-messages.ts'
import type { MixtureCompute, PowCompute } from '../../protocol/ports/compute.ts'
import type { Expert, ExpertDescription } from '../../protocol/ports/expert.ts'
import type { Action, BlockEvents, Ledger, Neuron } from '../../protocol/ports/ledger.ts'
import type { Network } from '../../protocol/ports/network.ts'
import type { Clock, Log, Random, Signer } from '../../protocol/ports/platform.ts'
import { ChainWatch } from '../chain-watch.ts'
import { submitter } from '../submit.ts'
import type { Submit } from '../submit.ts'
import { Workload } from '../workload.ts'
import { Batcher } from './batcher.ts'
import { ClaimBook } from './claim-book.ts'
import { serveMethods } from './methods.ts'
import { minerDefaults } from './options.ts'
import type { MinerOptions } from './options.ts'
import { register } from './registration.ts'
import { StreamBook } from './stream-book.ts'
import { train } from './trainer.ts'
import type { TrainingStatus } from './trainer.ts'

/** How often idle streams are looked for. */
const SWEEP_MS = 10_000
const MIB = 1_048_576

export interface MinerParts {
  ledger: Ledger
  /** Bound to this miner's hotkey. */
  network: Pick<Network, 'addresses' | 'serve'>
  pow: Pick<PowCompute, 'search'>
  mixture: Pick<MixtureCompute, 'claims' | 'commit' | 'paths' | 'decode' | 'ntdEncode'>
  /** Closed by who made it. */
  expert: Expert
  /** The hotkey's. */
  signer: Signer
  clock: Clock
  random: Random
  log: Log
  /** Shared by all miners of a process, so that one trains only while none answers. Default: its own. */
  workload?: Workload | undefined
  /** One submitter per hotkey, where another role uses the key too. Default: its own. */
  submit?: Submit | undefined
}
export interface MinerStatus {
  netuid: number
  hotkey: string
  state: 'starting' | 'registering' | 'serving' | 'refused' | 'closed'
  uid: number | null
  /** Why the ledger refuses the registration for good. */
  refusal: string | null
  kind: string
  parameters: number
  seals: number
  hashes: number
  /** Calls answered and positions computed, by method. */
  answers: Record<string, { calls: number; positions: number }>
  training: TrainingStatus
  openStreams: number
  keptQueries: number
}
/** netuid and the owner's 32-byte public key; the rest has defaults (options.ts). */
export type MinerInit = { netuid: number; coldkey: Uint8Array } & Partial<MinerOptions>

export class Miner {
  readonly #options: MinerOptions & { netuid: number; coldkey: Uint8Array }
  readonly #parts: MinerParts
  readonly #closing = new AbortController()
  readonly #watch: ChainWatch
  readonly #workload: Workload
  readonly #submit: Submit
  readonly #claims: ClaimBook
  readonly #streams: StreamBook
  readonly #status: MinerStatus
  #description: ExpertDescription
  #loops: Promise<void>[] = []
  /** Raised when the ledger must be looked at. */
  #wake = Promise.withResolvers<void>()
  #epochs = 0

  constructor(options: MinerInit, description: ExpertDescription, parts: MinerParts) {
    this.#options = { ...minerDefaults, ...options }
    this.#parts = parts
    this.#description = description
    const { ledger, log, expert, mixture, clock, random, signer } = parts
    this.#watch = new ChainWatch({ ledger, log })
    this.#workload = parts.workload ?? new Workload({ trainersMax: 1 })
    this.#submit = parts.submit ?? submitter({ ledger, signer })
    const { batchMax, keptLeavesMiB, keptLeavesBlocks, streamsPerCaller, streamsMax, streamIdleMs } = this.#options
    const workload = this.#workload
    const batcher = new Batcher({ batchMax }, { expert, workload })
    const { sequenceLengthMax } = description
    this.#claims = new ClaimBook(
      { hotkey: signer.publicKey, bytesMax: keptLeavesMiB * MIB, blocksMax: keptLeavesBlocks, sequenceLengthMax },
      { mixture, batcher, random },
    )
    this.#streams = new StreamBook(
      { perCallerMax: streamsPerCaller, streamsMax, idleMs: streamIdleMs },
      { expert, mixture, workload, clock },
    )
    this.#status = startingStatus(options.netuid, toHex(signer.publicKey), description)
    const onAnswer = (method: string, positions: number): void => this.#count(method, positions)
    serveMethods(
      { netuid: options.netuid, uplink: this.#options.uplink },
      { network: parts.network, expert, mixture, batcher, claims: this.#claims, streams: this.#streams, clock, onAnswer },
    )
  }

  /** Begins to follow the ledger, to register and to train; resolves at once after the ledger's head is known. */
  async start(): Promise<void> {
    const { signal } = this.#closing
    this.#watch.listen((block) => this.#see(block))
    await this.#watch.start()
    this.#claims.advance(this.#watch.tip.height)
    const { expert, clock, log } = this.#parts
    this.#loops = [
      this.#keepDuties(signal),
      this.#sweep(signal),
      train(this.#status.training, { expert, workload: this.#workload, clock, log }, signal),
    ]
  }

  status(): MinerStatus {
    const answers = Object.fromEntries(Object.entries(this.#status.answers).map(([method, counts]) => [method, { ...counts }]))
    return {
      ...this.#status,
      answers,
      training: { ...this.#status.training },
      openStreams: this.#streams.size,
      keptQueries: this.#claims.queries,
    }
  }

  /** Stops search, training and duties; calls in progress end by themselves. */
  async close(): Promise<void> {
    this.#closing.abort(new NodeError('EXPERTS_CLOSED'))
    await Promise.all([...this.#loops, this.#watch.close()])
    this.#streams.close()
    this.#status.state = 'closed'
  }

  #see(block: BlockEvents): void {
    this.#claims.advance(block.height)
    const { netuid } = this.#options
    for (const event of block.events) {
      if (!('netuid' in event) || event.netuid !== netuid) continue
      if (event.type === 'epoch') this.#epochs += 1
      const own = 'hotkey' in event && event.hotkey === this.#status.hotkey
      if (event.type === 'epoch' || (own && event.type === 'deregistered')) this.#wake.resolve()
    }
  }

  /** Does what is missing, then sleeps until something happens; a failure is tried again a block later. */
  async #keepDuties(signal: AbortSignal): Promise<void> {
    signal.addEventListener('abort', () => this.#wake.resolve(), { once: true })
    while (!signal.aborted) {
      this.#wake = Promise.withResolvers<void>()
      try {
        if (!(await this.#duties(signal))) return
        await this.#wake.promise
      } catch (error) {
        if (signal.aborted) return
        this.#parts.log.warn('a duty failed and is tried again', { reason: error instanceof Error ? error.message : String(error) })
        await this.#watch.reached(this.#watch.tip.height + 1, signal).catch(() => undefined)
      }
    }
  }

  /** @returns false when the ledger will never take this miner */
  async #duties(signal: AbortSignal): Promise<boolean> {
    let neuron = await this.#neuron()
    if (neuron === null) {
      if (this.#status.uid !== null && !this.#options.registerAgain) return this.#refused('the neuron was pruned')
      this.#status.state = 'registering'
      this.#status.uid = null
      const { netuid, coldkey, powThreads: threads } = this.#options
      const { ledger, pow, log, signer } = this.#parts
      const parts = { ledger, pow, submit: this.#submit, watch: this.#watch, log }
      const outcome = await register({ netuid, hotkey: signer.publicKey, coldkey, threads }, parts, this.#status, signal)
      if (outcome.status === 'refused') return this.#refused(outcome.text)
      neuron = await this.#neuron()
      if (neuron === null) throw new NodeError('LEDGER_NOT_REGISTERED', { hotkey: this.#status.hotkey, netuid })
      log.info('registered', { netuid, uid: neuron.uid })
    }
    this.#status.uid = neuron.uid
    this.#status.state = 'serving'
    await this.#announce(neuron, signal)
    await this.#commitModel(neuron, signal)
    return true
  }

  async #neuron(): Promise<Neuron | null> {
    return await this.#parts.ledger.query('neuronOf', this.#options.netuid, this.#status.hotkey)
  }

  async #announce(neuron: Neuron, signal: AbortSignal): Promise<void> {
    const addresses = this.#parts.network.addresses()
    if (addresses.join() === neuron.addresses.join()) return
    const { netuid } = this.#options
    const error = await this.#act({ kind: 'serve', netuid, addresses, httpIp: new Uint8Array(16), httpPort: 0 }, signal)
    // Unknown to all others until this is done: worth another try at the next block.
    if (error !== null && isErrorCode(error) && errors[error].retry !== 'never') throw new NodeError(error)
  }

  /** At first, and then each `modelEpochs` epochs while training changes the root: the clock of mixture.md 5 rewards rest. */
  async #commitModel(neuron: Neuron, signal: AbortSignal): Promise<void> {
    const { netuid, modelEpochs } = this.#options
    if (neuron.model !== null && this.#epochs < modelEpochs) return
    this.#description = await this.#parts.expert.describe()
    const { root, class: size, sequenceLengthMax: sequenceLength } = this.#description
    this.#epochs = 0
    if (neuron.model !== null && equal(fromHex(neuron.model.root), root)) return
    await this.#act({ kind: 'commit_model', netuid, root, class: modelClasses.indexOf(size), sequenceLength }, signal)
  }

  async #act(action: Action, signal: AbortSignal): Promise<string | null> {
    const receipt = await this.#submit(action, signal)
    const { log } = this.#parts
    if (receipt.error === null) log.info('the ledger took it', { kind: action.kind, height: receipt.height })
    else log.warn('the ledger refused it', { kind: action.kind, code: receipt.error.code, reason: receipt.error.text })
    return receipt.error?.code ?? null
  }

  #refused(text: string): false {
    this.#status.state = 'refused'
    this.#status.refusal = text
    return false
  }

  async #sweep(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.#parts.clock.sleep(SWEEP_MS, signal).catch(() => undefined)
      this.#streams.sweep()
    }
  }

  #count(method: string, positions: number): void {
    const counts = (this.#status.answers[method] ??= { calls: 0, positions: 0 })
    counts.calls += 1
    counts.positions += positions
  }
}

const startingStatus = (netuid: number, hotkey: string, { kind, parameters }: ExpertDescription): MinerStatus => ({
  netuid,
  hotkey,
  state: 'starting',
  uid: null,
  refusal: null,
  kind,
  parameters,
  seals: 0,
  hashes: 0,
  answers: {},
  training: { steps: 0, loss: null, over: false },
  openStreams: 0,
  keptQueries: 0,
})

/** Asks the expert what it is and registers the methods; the miner acts on the ledger once started. */
export async function miner(options: MinerInit, parts: MinerParts): Promise<Miner> {
  return new Miner(options, await parts.expert.describe(), parts)
}
