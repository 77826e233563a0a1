/**
 * A Ledger for tests of roles: applies register, serve and commit_model to one market, block by block when the test says
 * so. Signatures, seals and stakes are not its business; refusals are scripted.
 */
import { toHex, utf8 } from '../../src/protocol/bytes.ts'
import type { Hex } from '../../src/protocol/bytes.ts'
import { errorText, NodeError } from '../../src/protocol/errors.ts'
import type { ErrorCode } from '../../src/protocol/errors.ts'
import { sha256 } from '../../src/protocol/hash.ts'
import type {
  Action,
  BlockEvents,
  BlockSummary,
  Head,
  Ledger,
  LedgerEvent,
  Market,
  Neuron,
  Queries,
  QueryName,
  Receipt,
} from '../../src/protocol/ports/ledger.ts'
import { decodeTransaction } from '../../src/protocol/transaction.ts'
import type { DecodedTransaction } from '../../src/protocol/transaction.ts'

const NETUID = 1
const hashOf = (height: number): Hex => toHex(sha256(utf8(`block ${height}`)))

interface Pending {
  transaction: DecodedTransaction
  resolve: (receipt: Receipt) => void
}

export class ScriptedLedger implements Ledger {
  readonly chain = { id: 'test', genesis: sha256(utf8('genesis')), kind: 'local' as const }
  readonly neurons: Neuron[] = []
  readonly access: { key: Hex; registered: boolean; permit: boolean; admitted: boolean; share: number }[] = []
  readonly actions: Action[] = []
  /** Codes that the next transactions of a kind get in their receipts, first to last. */
  readonly refusals: { kind: Action['kind']; code: ErrorCode }[] = []
  market: Market
  /** Makes a block as soon as something is submitted. */
  autoMine = false
  readonly #nonces = new Map<Hex, bigint>()
  readonly #subscribers = new Set<(block: BlockEvents) => void>()
  readonly #blocks: BlockEvents[] = []
  #pending: Pending[] = []
  #height = 0

  constructor(market: Partial<Market> = {}) {
    this.market = { ...defaultMarket, ...market }
  }

  get height(): number {
    return this.#height
  }

  get pending(): number {
    return this.#pending.length
  }

  async submit(bytes: Uint8Array): Promise<Receipt> {
    const transaction = decodeTransaction(bytes)
    return await new Promise<Receipt>((resolve) => {
      this.#pending.push({ transaction, resolve })
      if (this.autoMine) queueMicrotask(() => this.mine())
    })
  }

  /** Makes a block of what is pending, with these events beside those of the transactions. */
  mine(events: LedgerEvent[] = []): BlockEvents {
    this.#height += 1
    const taken = this.#pending
    this.#pending = []
    const own: LedgerEvent[] = [...events]
    const receipts = taken.map(({ transaction }, index) => this.#apply(transaction, index, own))
    const block = { ...this.#tip(), transactions: receipts.length, receipts, events: own }
    this.#blocks.push(block)
    for (const subscriber of this.#subscribers) subscriber(block)
    for (const [i, { resolve }] of taken.entries()) resolve(receipts[i] as Receipt)
    return block
  }

  /** Removes a neuron, with its event in a new block. */
  prune(hotkey: Hex): void {
    const at = this.neurons.findIndex((neuron) => neuron.hotkey === hotkey)
    const [gone] = this.neurons.splice(at, 1)
    this.mine([{ type: 'deregistered', netuid: NETUID, uid: gone?.uid ?? 0, hotkey }])
  }

  async query<Q extends QueryName>(name: Q, ...args: Queries[Q]['args']): Promise<Queries[Q]['result']> {
    return this.#answer(name, args) as Queries[Q]['result']
  }

  async *subscribe(from: number, signal: AbortSignal): AsyncGenerator<BlockEvents> {
    const queue = this.#blocks.filter(({ height }) => height >= from)
    let wake = Promise.withResolvers<void>()
    const subscriber = (block: BlockEvents): void => {
      queue.push(block)
      wake.resolve()
    }
    signal.addEventListener('abort', () => wake.resolve(), { once: true })
    this.#subscribers.add(subscriber)
    try {
      while (!signal.aborted) {
        for (let block = queue.shift(); block !== undefined; block = queue.shift()) yield block
        if (signal.aborted) return
        await wake.promise
        wake = Promise.withResolvers<void>()
      }
    } finally {
      this.#subscribers.delete(subscriber)
    }
  }

  async close(): Promise<void> {
    this.#subscribers.clear()
  }

  #answer(name: QueryName, args: readonly unknown[]): unknown {
    switch (name) {
      case 'head':
        return { ...headDefaults, ...this.#tip(), genesisHash: toHex(this.chain.genesis) } satisfies Head
      case 'blocks':
        return this.#blocks
          .filter(({ height }) => height >= Number(args[0]))
          .slice(0, Number(args[1]))
          .map((block) => ({ ...block, parent: hashOf(block.height - 1), transactions: [] })) satisfies BlockSummary[]
      case 'market':
        return this.market
      case 'neurons':
        return structuredClone(this.neurons)
      case 'neuronOf':
        return structuredClone(this.neurons.find(({ hotkey }) => hotkey === args[1]) ?? null)
      case 'access':
        return structuredClone(this.access)
      case 'nonce':
        return this.#nonces.get(args[0] as Hex) ?? 0n
      default:
        throw new NodeError('LEDGER_NOT_FOUND', { what: name })
    }
  }

  #tip() {
    return { height: this.#height, hash: hashOf(this.#height), time: 1_000 * this.#height, stateRoot: hashOf(0) }
  }

  #apply({ unsigned, id }: DecodedTransaction, index: number, events: LedgerEvent[]): Receipt {
    const { action, nonce } = unsigned
    const signer = toHex(unsigned.signer)
    const next = this.#nonces.get(signer) ?? 0n
    const receipt = { id, height: this.#height, index, kind: action.kind, signer }
    const refuse = (code: ErrorCode): Receipt => ({ ...receipt, error: { code, text: errorText(code, {}) } })
    if (nonce !== next) return refuse('LEDGER_NONCE')
    this.#nonces.set(signer, next + 1n)
    const scripted = this.refusals.findIndex(({ kind }) => kind === action.kind)
    const [refusal] = scripted >= 0 ? this.refusals.splice(scripted, 1) : []
    if (refusal !== undefined) return refuse(refusal.code)
    this.actions.push(action)
    const neuron = this.neurons.find(({ hotkey }) => hotkey === signer)
    if (action.kind === 'register') {
      if (BigInt(this.#height) - action.block > 2n) return refuse('LEDGER_SEAL_STALE')
      if (neuron !== undefined) return refuse('LEDGER_REGISTERED')
      const uid = this.neurons.length
      const coldkey = toHex(action.coldkey)
      this.neurons.push(neuronOf({ uid, hotkey: signer, coldkey, registeredAt: this.#height }))
      events.push({ type: 'registered', netuid: NETUID, uid, hotkey: signer, coldkey, burned: 0n })
    } else if (neuron === undefined) return refuse('LEDGER_NOT_REGISTERED')
    else if (action.kind === 'serve') neuron.addresses = [...action.addresses]
    else if (action.kind === 'commit_model')
      neuron.model = { root: toHex(action.root), class: action.class, sequenceLength: action.sequenceLength, height: this.#height }
    return { ...receipt, error: null }
  }
}

const headDefaults = { chainId: 'test', kind: 'local', issuance: 0n, totalStake: 0n, treasury: 0n, blockTimeMs: 1_000 } as const
const defaultMarket: Market = {
  netuid: NETUID,
  name: 'completion',
  neurons: 0,
  neuronsMax: 4_096,
  difficulty: 1_000n,
  burnPrice: 1n,
  registrationsThisInterval: 0,
  registrationAllowed: true,
  tempo: 9,
  epoch: 0n,
  blocksUntilEpoch: 7,
  revealLag: 1,
  emissionShare: 1,
  pendingEmission: 0n,
  sequenceLength: 256,
  stakeMinimum: 1_000_000_000n,
  validatorStakeMinimum: 1_000_000_000_000n,
  immunityPeriod: 40,
  activityCutoff: 500,
  fallbackRoot: hashOf(1),
  baseRoot: hashOf(2),
}

/** A neuron without any score. */
export const neuronOf = (known: Partial<Neuron> & { uid: number; hotkey: Hex }): Neuron => ({
  netuid: NETUID,
  coldkey: hashOf(3),
  stake: 0n,
  stakeAtEpoch: 0n,
  rank: 0,
  trust: 0,
  consensus: 0,
  incentive: 0,
  dividends: 0,
  validatorTrust: 0,
  pruningScore: 0,
  emission: 0n,
  permit: false,
  active: true,
  lastUpdate: 0,
  registeredAt: 0,
  immune: true,
  addresses: [],
  model: null,
  ...known,
})
