/**
 * The ledger once more, slow and obvious: plain maps by key, everything recomputed, nothing incremental, no ids, no Merkle tree.
 * Written from ledger.md and wire.md, as the oracle for the real state machine; only seals and the epoch's scoring are handed in.
 */
import { concat, toHex } from '../../src/protocol/bytes.ts'
import type { Hex } from '../../src/protocol/bytes.ts'
import { genesisHash } from '../../src/protocol/genesis.ts'
import type { Genesis, GenesisMarket } from '../../src/protocol/genesis.ts'
import { sha256 } from '../../src/protocol/hash.ts'
import type { ConsensusCompute, PowCompute } from '../../src/protocol/ports/compute.ts'
import type { DecodedTransaction } from '../../src/protocol/transaction.ts'
import { modelEpoch } from './ledger-model-epoch.ts'
import { modelDeed } from './ledger-model-rules.ts'

export interface ModelNeuron {
  hotkey: Hex
  registeredAt: number
  lastUpdate: number
  permit: boolean
  pruningScore: number
  servedAt: number
  modelEpoch: number
  weights: Map<number, number>
  bonds: Map<number, number>
  commitments: { epoch: number; height: number; hash: Hex }[]
}
export interface ModelMarket {
  netuid: number
  p: GenesisMarket['parameters']
  difficulty: bigint
  burnPrice: bigint
  worked: number
  burned: number
  pending: bigint
  epoch: number
  neurons: ModelNeuron[]
  /** Registrations of the block under way. */
  now: number
}
export interface ModelHotkey {
  owner: Hex
  delegate: boolean
  take: number
  raisedAt: number
}
/** What a transaction led to: nothing of it remains, only nonce and fee remain, or all of it. */
export type Outcome = 'refused' | 'failed' | 'executed'

const HALVING_CAP = 21_000_000_000_000_000n

export class Model {
  readonly genesis: Genesis
  readonly genesisHash: Hex
  readonly parts: { pow: Pick<PowCompute, 'verify'>; consensus: ConsensusCompute }
  height = 0
  /** By height. */
  hashes: Uint8Array[]
  free = new Map<Hex, bigint>()
  hotkeys = new Map<Hex, ModelHotkey>()
  /** hotkey/coldkey -> amount. */
  stakes = new Map<string, bigint>()
  nonces = new Map<Hex, bigint>()
  lastUse = new Map<Hex, number>()
  treasury = 0n
  issuance: bigint
  emitted = 0n
  destroyed = 0n
  /** Never forgotten here. */
  seals = new Set<Hex>()
  markets: ModelMarket[]

  constructor(genesis: Genesis, parts: Model['parts']) {
    this.genesis = genesis
    this.parts = parts
    const hash = genesisHash(genesis)
    this.genesisHash = toHex(hash)
    this.hashes = [hash]
    for (const { coldkey, free } of genesis.accounts) this.free.set(toHex(coldkey), free)
    for (const { hotkey, owner, amount } of genesis.stakes) {
      this.hotkeys.set(toHex(hotkey), { owner: toHex(owner), delegate: false, take: 0, raisedAt: 0 })
      this.stakes.set(`${toHex(hotkey)}/${toHex(owner)}`, amount)
    }
    this.issuance = this.held()
    this.markets = genesis.markets.map(({ netuid, parameters, difficulty, burnPrice }) => ({
      netuid,
      p: parameters,
      difficulty,
      burnPrice,
      worked: 0,
      burned: 0,
      pending: 0n,
      epoch: 0,
      neurons: [],
      now: 0,
    }))
  }

  // ------------------------------------------------------------------------------------------------ amounts
  balance = (coldkey: Hex): bigint => this.free.get(coldkey) ?? 0n
  stake = (hotkey: Hex, coldkey: Hex): bigint => this.stakes.get(`${hotkey}/${coldkey}`) ?? 0n
  stakers = (hotkey: Hex): [coldkey: Hex, amount: bigint][] =>
    [...this.stakes].filter(([pair]) => pair.startsWith(`${hotkey}/`)).map(([pair, amount]) => [pair.slice(65), amount])
  behind = (hotkey: Hex): bigint => this.stakers(hotkey).reduce((sum, [, amount]) => sum + amount, 0n)
  totalStake = (): bigint => [...this.stakes.values()].reduce((sum, amount) => sum + amount, 0n)
  /** Everything that anybody or anything holds. */
  held = (): bigint =>
    [...this.free.values()].reduce((sum, amount) => sum + amount, 0n) +
    this.totalStake() +
    this.treasury +
    (this.markets ?? []).reduce((sum, { pending }) => sum + pending, 0n)

  addFree(coldkey: Hex, amount: bigint): void {
    const after = this.balance(coldkey) + amount
    if (after < 0n) throw new Error(`${coldkey} would have ${after}`)
    if (after === 0n) this.free.delete(coldkey)
    else this.free.set(coldkey, after)
  }
  addStake(hotkey: Hex, coldkey: Hex, amount: bigint): void {
    const after = this.stake(hotkey, coldkey) + amount
    if (after < 0n) throw new Error(`${hotkey}/${coldkey} would have ${after}`)
    if (after === 0n) this.stakes.delete(`${hotkey}/${coldkey}`)
    else this.stakes.set(`${hotkey}/${coldkey}`, after)
  }
  sweep(coldkey: Hex): void {
    const left = this.balance(coldkey)
    if (left >= this.genesis.parameters.existentialDeposit) return
    this.addFree(coldkey, -left)
    this.treasury += left
  }

  // ------------------------------------------------------------------------------------------------ blocks
  market = (netuid: number): ModelMarket | undefined => this.markets.find((market) => market.netuid === netuid)
  nonce = (key: Hex): bigint => this.nonces.get(key) ?? 0n
  use(key: Hex): void {
    this.lastUse.set(key, this.height)
  }

  /** What one block's emission is while so much is issued: halved whenever half of what was missing is there. */
  emission(): bigint {
    let [reward, missing] = [1_000_000_000n, HALVING_CAP]
    while (reward > 0n) {
      missing /= 2n
      if (this.issuance < HALVING_CAP - missing) return reward
      reward /= 2n
    }
    return 0n
  }

  /** The place of a key in the block after the newest one. */
  place = (key: Uint8Array): Hex => toHex(sha256(concat(this.hashes[this.hashes.length - 1] ?? new Uint8Array(0), key)))

  /** @param transactions in block order; @param hash of this block, which the real machine says */
  block(transactions: readonly DecodedTransaction[], hash: Uint8Array): Outcome[] {
    this.height++
    for (const market of this.markets) market.now = 0
    const outcomes = transactions.map((transaction) => this.transaction(transaction))
    this.emit()
    for (const market of this.markets) {
      if ((this.height + market.netuid + 1) % (market.p.tempo + 1) === market.p.tempo) modelEpoch(this, market)
      this.adjust(market)
    }
    this.expire()
    this.hashes.push(hash)
    return outcomes
  }

  transaction({ unsigned }: DecodedTransaction): Outcome {
    const { action, chainId, genesis, expiry, nonce } = unsigned
    const signer = toHex(unsigned.signer)
    if (chainId !== this.genesis.chainId || toHex(genesis) !== this.genesisHash) return 'refused'
    if (expiry < BigInt(this.height) || expiry > BigInt(this.height + 1_000)) return 'refused'
    if (nonce !== this.nonce(signer)) return 'refused'
    const pays = !['register', 'serve', 'commit_model', 'commit_weights', 'reveal_weights'].includes(action.kind)
    const fee = this.genesis.parameters.baseFee
    if (pays && this.balance(signer) < fee) return 'refused'
    if (pays) {
      this.addFree(signer, -fee)
      this.treasury += fee
    }
    const deed = modelDeed(this, action, signer, unsigned.signer)
    if (!deed && !pays) return 'refused'
    this.nonces.set(signer, nonce + 1n)
    this.use(signer)
    deed?.()
    if (pays) this.sweep(signer)
    return deed ? 'executed' : 'failed'
  }

  emit(): void {
    const emission = this.emission()
    this.issuance += emission
    this.emitted += emission
    const open = this.markets.filter(({ p, neurons }) => p.emissionShare > 0 && neurons.some(({ hotkey }) => this.behind(hotkey) > 0n))
    const all = open.reduce((sum, { p }) => sum + p.emissionShare, 0)
    let left = emission
    for (const market of open.toReversed()) {
      const part = market === open[0] ? left : (emission * BigInt(market.p.emissionShare)) / BigInt(all)
      market.pending += part
      left -= part
    }
    this.treasury += left
  }

  adjust(market: ModelMarket): void {
    const { p, worked, burned } = market
    if (this.height % p.adjustmentInterval !== 0) return
    const [r, t] = [BigInt(worked + burned), BigInt(p.registrationTarget)]
    // With alpha 0, as all histories have it: v·(r + t)/(2t), whole.
    const next = (value: bigint, min: bigint, max: bigint): bigint => {
      const moved = (value * (r + t)) / (2n * t)
      return moved < min ? min : moved > max ? max : moved
    }
    const work = worked === burned || (r > t ? worked > burned : worked < burned)
    const burning = worked === burned || !work
    if (work) market.difficulty = next(market.difficulty, p.difficultyMin, p.difficultyMax)
    if (burning) market.burnPrice = next(market.burnPrice, p.burnMin, p.burnMax)
    market.worked = market.burned = 0
  }

  /** Hotkeys with neither stake nor uid, not used for a thousand blocks. */
  expire(): void {
    for (const hotkey of this.hotkeys.keys()) {
      const isUsed = (this.lastUse.get(hotkey) ?? -Infinity) > this.height - 1_000
      const hasUid = this.markets.some(({ neurons }) => neurons.some((neuron) => neuron.hotkey === hotkey))
      if (!isUsed && !hasUid && this.behind(hotkey) === 0n) this.hotkeys.delete(hotkey)
    }
  }
}
