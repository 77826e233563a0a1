/** Which experts there are: the market's neurons with a model and an address, read from the ledger when it has changed. */
import { fromHex } from '../../protocol/bytes.ts'
import type { Hex } from '../../protocol/bytes.ts'
import { modelClasses } from '../../protocol/expert-messages.ts'
import type { BlockEvents, Ledger, Neuron } from '../../protocol/ports/ledger.ts'
import type { PeerTarget } from '../../protocol/ports/network.ts'
import type { Clock } from '../../protocol/ports/platform.ts'

/** Failures in a row after which the rest grows no longer. */
const RESTS_MAX = 6

export interface Peer {
  uid: number
  hotkey: Hex
  /** For people. */
  kind: string
  target: PeerTarget
}
export interface DirectoryOptions {
  netuid: number
  /** This gateway's own key, which it never calls. */
  own: Hex
  restMs: number
}
export interface DirectoryParts {
  ledger: Pick<Ledger, 'query'>
  clock: Pick<Clock, 'monotonic'>
  /** What the node knows of its own miners' kinds; the ledger knows a class only. */
  kindOf?: ((hotkey: Hex) => string | undefined) | undefined
}

export class Directory {
  readonly #options: DirectoryOptions
  readonly #parts: DirectoryParts
  /** One reading of the ledger for all who ask at the same time. */
  #reading: Promise<Neuron[]> | null = null
  readonly #resting = new Map<Hex, { failures: number; until: number }>()

  constructor(options: DirectoryOptions, parts: DirectoryParts) {
    this.#options = options
    this.#parts = parts
  }

  /** A new block: what it changed is read again when it is next needed. */
  see(block: BlockEvents): void {
    const changed = block.receipts.some(({ kind, error }) => error === null && (kind === 'serve' || kind === 'commit_model'))
    if (changed || block.events.some(({ type }) => type === 'registered' || type === 'deregistered')) this.#reading = null
  }

  /** Experts that may be asked now, by uid. Those that rest are left out unless nobody else is there. */
  async peers(): Promise<Peer[]> {
    const { netuid, own } = this.#options
    this.#reading ??= this.#parts.ledger.query('neurons', netuid)
    const reading = this.#reading
    const neurons = await reading.catch((error: unknown) => {
      if (this.#reading === reading) this.#reading = null
      throw error
    })
    const all = neurons.filter(({ model, addresses, hotkey }) => model !== null && addresses.length > 0 && hotkey !== own)
    const now = this.#parts.clock.monotonic()
    const here = new Set(all.map(({ hotkey }) => hotkey))
    for (const hotkey of this.#resting.keys()) if (!here.has(hotkey)) this.#resting.delete(hotkey)
    const awake = all.filter(({ hotkey }) => (this.#resting.get(hotkey)?.until ?? 0) <= now)
    return (awake.length > 0 ? awake : all).map((neuron) => this.#peerOf(neuron))
  }

  answered({ hotkey }: Peer): void {
    this.#resting.delete(hotkey)
  }

  failed({ hotkey }: Peer): void {
    const failures = Math.min((this.#resting.get(hotkey)?.failures ?? 0) + 1, RESTS_MAX)
    const until = this.#parts.clock.monotonic() + this.#options.restMs * 2 ** (failures - 1)
    this.#resting.set(hotkey, { failures, until })
  }

  #peerOf({ uid, hotkey, addresses, model }: Neuron): Peer {
    const kind = this.#parts.kindOf?.(hotkey) ?? modelClasses[model?.class ?? 4] ?? 'other'
    return { uid, hotkey, kind, target: { hotkey: fromHex(hotkey), addresses } }
  }
}
