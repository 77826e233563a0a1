/**
 * A state machine small enough to read at a glance: accounts with a balance and a nonce, and transfers between them. It fills the
 * engine's Machine with real transaction bytes, so that engines are tested without the rules of the ledger, and fast.
 */
import { createPublicKey, verify } from 'node:crypto'
import type { Machine } from '../../src/ledger/engines/embedded/machine.ts'
import { concat, fromHex, type Hex, toHex } from '../../src/protocol/bytes.ts'
import { NodeError } from '../../src/protocol/errors.ts'
import { type Genesis, genesisHash, genesisIssuance } from '../../src/protocol/genesis.ts'
import { blockHash, transactionsRoot } from '../../src/protocol/block.ts'
import { sha256 } from '../../src/protocol/hash.ts'
import { NONCES_AHEAD_MAX } from '../../src/protocol/ledger-limits.ts'
import type { Head, Market, Queries, Receipt } from '../../src/protocol/ports/ledger.ts'
import { type DecodedTransaction, decodeTransaction, signingBytes } from '../../src/protocol/transaction.ts'

interface ToyAccount {
  free: bigint
  nonce: bigint
}
export interface ToyState {
  height: number
  time: number
  hash: Hex
  root: Uint8Array
  accounts: ReadonlyMap<Hex, ToyAccount>
}

/** DER prefix of an ed25519 public key. */
const SPKI = fromHex('302a300506032b6570032100')

export function verifyEd25519(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
  const key = createPublicKey({ key: Buffer.from(concat(SPKI, publicKey)), format: 'der', type: 'spki' })
  return verify(null, message, key, signature)
}

/** Root = H of all accounts in key order with the height: every difference shows. */
function rootOf(state: Omit<ToyState, 'root'>): Uint8Array {
  const rows = [...state.accounts].sort(([a], [b]) => (a < b ? -1 : 1)).map(([key, { free, nonce }]) => `${key}:${free}:${nonce}`)
  return sha256(Buffer.from(`${state.height}|${state.time}|${rows.join(',')}`))
}
const sealed = (state: Omit<ToyState, 'root'>): ToyState => ({ ...state, root: rootOf(state) })

/** @param counts how often it applied a block, for tests that ask */
export function toyMachine(genesis: Genesis, counts: { applied: number } = { applied: 0 }): Machine<ToyState> {
  const hash = genesisHash(genesis)
  /** Signatures that held before, as a node keeps them between mempool and block. */
  const verified = new Set<Hex>()

  const check = (state: ToyState, bytes: Uint8Array): DecodedTransaction => {
    const transaction = decodeTransaction(bytes)
    const { unsigned, signature } = transaction
    if (toHex(unsigned.genesis) !== toHex(hash)) throw new NodeError('LEDGER_WRONG_CHAIN', { chain: unsigned.chainId })
    if (unsigned.expiry <= BigInt(state.height)) throw new NodeError('LEDGER_EXPIRED', { expiry: unsigned.expiry, block: state.height + 1 })
    const known = toHex(sha256(bytes))
    if (!verified.has(known)) {
      if (unsigned.scheme !== 'ed25519' || !verifyEd25519(unsigned.signer, signingBytes(unsigned), signature))
        throw new NodeError('LEDGER_SIGNATURE_INVALID', { signer: toHex(unsigned.signer) })
      if (verified.size > 100_000) verified.clear()
      verified.add(known)
    }
    return transaction
  }
  const nonce = (state: ToyState, signer: Hex): bigint => state.accounts.get(signer)?.nonce ?? 0n

  return {
    initial: () => {
      const accounts = new Map(genesis.accounts.map(({ coldkey, free }) => [toHex(coldkey), { free, nonce: 0n }]))
      return sealed({ height: 0, time: Number(genesis.time), hash: toHex(hash), accounts })
    },
    root: (state) => state.root,
    serialize: (state) =>
      Buffer.from(
        JSON.stringify([state.height, state.time, state.hash, [...state.accounts].map(([k, a]) => [k, String(a.free), String(a.nonce)])]),
      ),
    // The head's hash is no part of this toy's state.
    deserialize: (bytes, _head) => {
      const [height, time, hash, rows] = JSON.parse(Buffer.from(bytes).toString()) as [number, number, Hex, [Hex, string, string][]]
      return sealed({ height, time, hash, accounts: new Map(rows.map(([k, free, n]) => [k, { free: BigInt(free), nonce: BigInt(n) }])) })
    },
    admit: (state, bytes) => {
      const transaction = check(state, bytes)
      const { unsigned } = transaction
      const signer = toHex(unsigned.signer)
      const next = nonce(state, signer)
      if (unsigned.nonce < next || unsigned.nonce > next + BigInt(NONCES_AHEAD_MAX))
        throw new NodeError('LEDGER_NONCE', { nonce: unsigned.nonce, signer, next })
      return transaction
    },
    nonce: (state, key) => nonce(state, toHex(key)),
    order: (parent, transactions) => {
      const place = (signer: Uint8Array): Hex => toHex(sha256(concat(parent, signer)))
      const nonceOf = ({ transaction }: { transaction: DecodedTransaction }): bigint => transaction.unsigned.nonce
      return transactions
        .map((transaction) => ({ transaction, at: place(transaction.unsigned.signer) }))
        .sort((a, b) => (a.at === b.at ? Number(nonceOf(a) - nonceOf(b)) : a.at < b.at ? -1 : 1))
        .map(({ transaction }) => transaction)
    },
    apply: (state, block) => {
      counts.applied += 1
      const accounts = new Map(state.accounts)
      const receipts: Receipt[] = []
      const events: { type: 'transferred'; from: Hex; to: Hex; amount: bigint }[] = []
      const accepted: Uint8Array[] = []
      const refused: { index: number; error: NodeError }[] = []
      block.transactions.forEach((given, place) => {
        const { id, unsigned, bytes } = check(state, given instanceof Uint8Array ? given : given.bytes)
        const { action } = unsigned
        const signer = toHex(unsigned.signer)
        const from = accounts.get(signer) ?? { free: 0n, nonce: 0n }
        if (unsigned.nonce !== from.nonce) {
          refused.push({ index: place, error: new NodeError('LEDGER_NONCE', { nonce: unsigned.nonce, signer, next: from.nonce }) })
          return
        }
        const index = accepted.push(bytes) - 1
        const amount = action.kind === 'transfer' ? action.amount : 0n
        const enough = action.kind === 'transfer' && from.free >= amount
        accounts.set(signer, { free: enough ? from.free - amount : from.free, nonce: from.nonce + 1n })
        if (enough) {
          const to = toHex(action.to)
          const target = accounts.get(to) ?? { free: 0n, nonce: 0n }
          accounts.set(to, { ...target, free: target.free + amount })
          events.push({ type: 'transferred', from: signer, to, amount })
        }
        const error = enough ? null : { code: 'LEDGER_BALANCE', text: 'not enough' }
        receipts.push({ id, height: block.height, index, kind: action.kind, signer, error })
      })
      const next = sealed({ height: block.height, time: block.time, hash: toHex(block.parent), accounts })
      const header = {
        genesis: hash,
        height: BigInt(block.height),
        parent: block.parent,
        time: BigInt(block.time),
        transactionsRoot: transactionsRoot(accepted),
        stateRoot: next.root,
      }
      return { state: next, header, hash: blockHash(header), receipts, accepted, refused, events, epochs: [] }
    },
    explain: () => {
      throw new NodeError('LEDGER_NOT_FOUND', { what: 'epoch' })
    },
    query: (state, name, args) => answer(genesis, state, name, args) as never,
  }
}

function answer(genesis: Genesis, state: ToyState, name: string, args: readonly unknown[]): unknown {
  const [key = ''] = args as [string?]
  switch (name) {
    case 'head':
      return {
        chainId: genesis.chainId,
        kind: genesis.kind,
        genesisHash: toHex(genesisHash(genesis)),
        height: state.height,
        hash: state.hash,
        time: state.time,
        stateRoot: toHex(state.root),
        issuance: genesisIssuance(genesis),
        totalStake: 0n,
        treasury: 0n,
        blockTimeMs: genesis.parameters.blockTimeMs,
      } satisfies Head
    case 'markets':
      return [] satisfies Market[]
    case 'nonce':
      return state.accounts.get(key)?.nonce ?? 0n
    case 'account':
      return {
        coldkey: key,
        free: state.accounts.get(key)?.free ?? 0n,
        locked: 0n,
        nonce: state.accounts.get(key)?.nonce ?? 0n,
        stakes: [],
      } satisfies Queries['account']['result']
    default:
      throw new NodeError('LEDGER_NOT_FOUND', { what: name })
  }
}
