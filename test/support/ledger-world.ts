/**
 * A ledger in a test's hands: keys by number, signatures that only a hash can make, blocks one call each. The state machine is the
 * real one, seals and epochs are the twins'; only the signature scheme is a fake, since schnorrkel in TypeScript takes 3 ms.
 */
import { setHasher } from '@chainsafe/persistent-merkle-tree'
import { hasher } from '@chainsafe/persistent-merkle-tree/hasher/hashtree'
import { apply, order } from '../../src/ledger/state/apply.ts'
import type { Applied } from '../../src/ledger/state/apply.ts'
import { initialState } from '../../src/ledger/state/load.ts'
import { queries } from '../../src/ledger/state/queries.ts'
import type { State } from '../../src/ledger/state/state.ts'
import type { StateParts } from '../../src/ledger/state/work.ts'
import { consensusReference } from '../../src/native/reference/consensus.ts'
import { powReference } from '../../src/native/reference/pow.ts'
import { concat, equal, toHex, u32le } from '../../src/protocol/bytes.ts'
import type { Hex } from '../../src/protocol/bytes.ts'
import { genesisHash, genesisTemplate } from '../../src/protocol/genesis.ts'
import type { Genesis } from '../../src/protocol/genesis.ts'
import { sha256 } from '../../src/protocol/hash.ts'
import type { SignatureCompute } from '../../src/protocol/ports/compute.ts'
import type { Action, Unsigned } from '../../src/protocol/ports/ledger.ts'
import { decodeTransaction, encodeTransaction, signingBytes } from '../../src/protocol/transaction.ts'
import { weightsCommitment } from '../../src/protocol/weights.ts'

// As `node` does: the same roots, eight times as fast.
setHasher(hasher)

/** Key number n of a test: 32 bytes that look like any key's. */
export const key = (n: number): Uint8Array => sha256(concat(new Uint8Array([7]), u32le(n)))
export const hexKey = (n: number): Hex => toHex(key(n))
export const TAU = 1_000_000_000n

/** A signature anybody can make, and that fits one key and message only. */
export const fakeSignature = (publicKey: Uint8Array, message: Uint8Array): Uint8Array => {
  const half = sha256(concat(publicKey, message))
  return concat(half, half)
}
export const fakeSignatures: Pick<SignatureCompute, 'verify' | 'verifyBatch'> = {
  verify: (_scheme, publicKey, message, signature) => equal(signature, fakeSignature(publicKey, message)),
  verifyBatch: (items) => Uint8Array.from(items, (item) => Number(equal(item.signature, fakeSignature(item.publicKey, item.message)))),
}
export const testParts: StateParts = { pow: powReference, signature: fakeSignatures, consensus: consensusReference }

/** Coldkeys 100 and up hold 1,000,000 τ each less; hotkeys 0 and 1 are validators of coldkeys 100 and 101 with 2,000 τ and 1,000 τ. */
export function testGenesis(change: (genesis: Genesis) => void = () => {}): Genesis {
  const genesis = genesisTemplate('local')
  genesis.engine = { kind: 'orderer', key: key(9_999) }
  genesis.time = 1_000n
  for (const market of genesis.markets) {
    market.difficulty = 1n
    market.parameters.difficultyMin = 1n
    market.parameters.difficultyMax = 1_000n
  }
  genesis.accounts = [100, 101, 102, 103].map((n) => ({ coldkey: key(n), free: 10_000n * TAU }))
  genesis.stakes = [
    { hotkey: key(0), owner: key(100), amount: 2_000n * TAU },
    { hotkey: key(1), owner: key(101), amount: 1_000n * TAU },
  ]
  change(genesis)
  return genesis
}

/** A transaction to be: who signs, what, and what differs from the ordinary. */
export type Wanted = [signer: number, action: Action, change?: Partial<Unsigned>]

export class World {
  readonly genesis: Genesis
  readonly hash: Uint8Array
  readonly parts: StateParts
  state: State
  last: Applied | undefined
  /** Numbers for seals, so that no two are the same. */
  #seals = 0n

  constructor(genesis: Genesis = testGenesis(), parts: StateParts = testParts) {
    this.genesis = genesis
    this.hash = genesisHash(genesis)
    this.parts = parts
    this.state = initialState(genesis, parts)
  }

  get height(): number {
    return this.state.height
  }

  get headHash(): Uint8Array {
    if (!this.state.headHash) throw new Error('the head has no hash')
    return this.state.headHash
  }

  unsigned(signer: number, action: Action, change: Partial<Unsigned> = {}): Unsigned {
    return {
      chainId: this.genesis.chainId,
      genesis: this.hash,
      action,
      scheme: 'sr25519',
      signer: key(signer),
      nonce: this.state.nonce(key(signer)),
      expiry: BigInt(this.height + 100),
      ...change,
    }
  }

  signed(signer: number, action: Action, change: Partial<Unsigned> = {}): Uint8Array {
    const unsigned = this.unsigned(signer, action, change)
    return encodeTransaction(unsigned, fakeSignature(unsigned.signer, signingBytes(unsigned)))
  }

  /** The next block, with transactions in the order that the ledger demands; nonces of one signer count up by themselves. */
  block(...wanted: Wanted[]): Applied {
    const used = new Map<number, bigint>()
    const signed = wanted.map(([signer, action, change]) => {
      const nonce = this.state.nonce(key(signer)) + (used.get(signer) ?? 0n)
      used.set(signer, (used.get(signer) ?? 0n) + 1n)
      return decodeTransaction(this.signed(signer, action, { nonce, ...change }))
    })
    return this.apply(order(this.headHash, signed).map(({ bytes }) => bytes))
  }

  apply(transactions: Uint8Array[]): Applied {
    const block = { height: this.height + 1, time: this.state.time + 1_000, parent: this.headHash, transactions }
    this.last = apply(this.state, block, this.parts)
    this.state = this.last.state
    return this.last
  }

  /** One transaction in a block of its own: null, or the code with which it failed or was refused. */
  outcome(...wanted: Wanted): string | null {
    const { receipts, refused } = this.block(wanted)
    return refused[0]?.error.code ?? receipts[0]?.error?.code ?? null
  }

  /** Empty blocks up to a height. */
  to(height: number): Applied | undefined {
    while (this.height < height) this.block()
    return this.last
  }

  seal(netuid: number, coldkey: number, change: Partial<Extract<Action, { kind: 'register' }>> = {}): Action {
    return { kind: 'register', netuid, coldkey: key(coldkey), block: BigInt(this.height), nonce: this.#seals++, ...change }
  }

  /** A row of weights as commitment and reveal. */
  weights(hotkey: number, netuid: number, epoch: bigint, row: Record<number, number>): { commit: Action; reveal: Action } {
    const uids = Uint16Array.from(Object.keys(row).map(Number))
    const values = Uint16Array.from(Object.values(row))
    const [salt, evidence] = [sha256(u32le(hotkey)), new Uint8Array(32)]
    const commitment = weightsCommitment({ genesis: this.hash, netuid, hotkey: key(hotkey), epoch, uids, values, salt, evidence })
    return {
      commit: { kind: 'commit_weights', netuid, epoch, commitment },
      reveal: { kind: 'reveal_weights', netuid, epoch, uids, values, salt, evidence },
    }
  }

  free(coldkey: number): bigint {
    return queries.account(this.state, hexKey(coldkey)).free
  }

  stake(hotkey: number): bigint {
    return queries.hotkey(this.state, hexKey(hotkey)).stake
  }
}
