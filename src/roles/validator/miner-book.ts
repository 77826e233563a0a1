/**
 * The miners a validator knows: neurons of its market with a model and an address that answered `expert.describe`, with
 * the distance and the rate that it measured for each (mixture.md 6.1 step 3; at first the rate is the one stated).
 */
import { fromHex } from '../../protocol/bytes.ts'
import type { Hex } from '../../protocol/bytes.ts'
import { decodeDescription, MODALITY_COMPLETION } from '../../protocol/expert-messages.ts'
import type { Ledger, Neuron } from '../../protocol/ports/ledger.ts'
import type { Answer, Network, PeerTarget } from '../../protocol/ports/network.ts'
import type { Log } from '../../protocol/ports/platform.ts'

/** Weight of a new measurement: about eight of them make the estimate. */
const MEASURE_WEIGHT = 1 / 8
/** Distance assumed until one is measured. */
const RTT_MS_FIRST = 100
/** Descriptions asked for at once. */
const ASKING_MAX = 32

export interface Miner {
  uid: number
  hotkey: Uint8Array
  target: PeerTarget
  /** Milliseconds; bytes per second. */
  rttMs: number
  rate: number
}
export interface MinerBookOptions {
  netuid: number
  /** The validator's own hotkey, never asked. */
  own: Hex
  /** Bytes of a span and its filler that a miner must take. */
  length: number
  timeoutMs: number
}
export interface MinerBookParts {
  ledger: Pick<Ledger, 'query'>
  network: Pick<Network, 'call'>
  log: Log
}

export class MinerBook {
  readonly #options: MinerBookOptions
  readonly #parts: MinerBookParts
  #neurons: Neuron[] = []
  readonly #known = new Map<Hex, Miner>()
  #asking: Promise<void> | null = null

  constructor(options: MinerBookOptions, parts: MinerBookParts) {
    this.#options = options
    this.#parts = parts
  }

  /** Reads the market's neurons again; a miner that left, or whose uid or address changed, is no longer known. */
  async read(): Promise<void> {
    const { netuid, own } = this.#options
    const neurons = await this.#parts.ledger.query('neurons', netuid)
    this.#neurons = neurons.filter(({ hotkey, addresses, model }) => hotkey !== own && addresses.length > 0 && model !== null)
    const byKey = new Map(this.#neurons.map((neuron) => [neuron.hotkey, neuron]))
    for (const [hotkey, { uid, target }] of this.#known) {
      const neuron = byKey.get(hotkey)
      if (neuron?.uid !== uid || neuron.addresses.join() !== target.addresses.join()) this.#known.delete(hotkey)
    }
  }

  /** Asks every miner that is not known yet what it is. One round at a time; resolves when it is over. */
  async ask(signal: AbortSignal): Promise<void> {
    this.#asking ??= this.#askAll(signal).finally(() => {
      this.#asking = null
    })
    await this.#asking
  }

  /** Known miners in uid order. */
  known(): Miner[] {
    return [...this.#known.values()].toSorted((a, b) => a.uid - b.uid)
  }

  /** How many miners the market lists, answering or not. */
  get listed(): number {
    return this.#neurons.length
  }

  /** An answer to a small request: its distance. */
  measureDistance({ hotkey }: { hotkey: Hex }, { roundTripMs, queueMs, runMs }: Answer): void {
    const miner = this.#known.get(hotkey)
    if (miner === undefined) return
    miner.rttMs += (Math.max(0, roundTripMs - queueMs - runMs) - miner.rttMs) * MEASURE_WEIGHT
  }

  /** All commits of a step came after `ms`: its rate under this validator's load. */
  measureRate({ hotkey }: { hotkey: Hex }, bytes: number, ms: number): void {
    const miner = this.#known.get(hotkey)
    if (miner === undefined || ms <= 0) return
    miner.rate += ((1_000 * bytes) / ms - miner.rate) * MEASURE_WEIGHT
  }

  async #askAll(signal: AbortSignal): Promise<void> {
    const waiting = this.#neurons.filter(({ hotkey }) => !this.#known.has(hotkey))
    const worker = async (): Promise<void> => {
      for (let neuron = waiting.shift(); neuron !== undefined && !signal.aborted; neuron = waiting.shift())
        await this.#describe(neuron, signal)
    }
    await Promise.all(Array.from({ length: Math.min(ASKING_MAX, waiting.length) }, worker))
  }

  async #describe({ uid, hotkey, addresses }: Neuron, signal: AbortSignal): Promise<void> {
    const { netuid, timeoutMs, length } = this.#options
    const target = { hotkey: fromHex(hotkey), addresses }
    try {
      const answer = await this.#parts.network.call(target, 'expert.describe', new Uint8Array(0), { netuid, deadlineMs: timeoutMs, signal })
      const { rate, maxLength, modalities } = decodeDescription(answer.body)
      if ((modalities & MODALITY_COMPLETION) === 0 || maxLength < length || rate === 0) return
      const rttMs = answer.roundTripMs > 0 ? Math.max(0, answer.roundTripMs - answer.queueMs - answer.runMs) : RTT_MS_FIRST
      this.#known.set(hotkey, { uid, hotkey: target.hotkey, target, rttMs, rate })
    } catch (error) {
      if (!signal.aborted) this.#parts.log.debug('a miner does not say what it is', { uid, reason: String(error) })
    }
  }
}
