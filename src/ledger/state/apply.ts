/** The state machine: a state and a block give the next state, the same on every machine (ledger.md). */
import { concat, toHex } from '../../protocol/bytes.ts'
import type { Hex } from '../../protocol/bytes.ts'
import { blockHash, transactionsRoot } from '../../protocol/block.ts'
import type { Header } from '../../protocol/block.ts'
import { NodeError } from '../../protocol/errors.ts'
import { sha256 } from '../../protocol/hash.ts'
import { BLOCK_BYTES_MAX, BLOCK_TRANSACTIONS_MAX, NONCES_AHEAD_MAX, SEAL_AGE_BLOCKS_MAX } from '../../protocol/ledger-limits.ts'
import type { LedgerEvent, Receipt } from '../../protocol/ports/ledger.ts'
import { decodeTransaction, signedItem } from '../../protocol/transaction.ts'
import type { DecodedTransaction } from '../../protocol/transaction.ts'
import { adjustMarket } from './difficulty.ts'
import { emit } from './emission.ts'
import { endEpoch } from './epoch.ts'
import type { EpochRecord } from './epoch-record.ts'
import { checkBlock } from './invariants.ts'
import { expireRows } from './keys.ts'
import { forgetSeals } from './registration.ts'
import type { State } from './state.ts'
import { USE_SLOTS } from './state.ts'
import { execute, requireAcceptable } from './transactions.ts'
import { Work } from './work.ts'
import type { StateParts } from './work.ts'

/** What an engine gives: ordered transactions, height, time (Unix ms, later than the last) and the hash of the block before. */
export interface BlockInput {
  height: number
  time: number
  parent: Uint8Array
  /** In the order of `order`. Bytes, or what `admit` made of them. */
  transactions: readonly (Uint8Array | DecodedTransaction)[]
}
/** A transaction that left no trace, and why. */
export interface Refused {
  /** Its place in the block as given. */
  index: number
  /** Undefined where the bytes are no transaction. */
  id: Hex | undefined
  error: NodeError
}
export interface Applied {
  state: State
  /** One for each of `accepted`, in the same order; its `index` is the place there. */
  receipts: Receipt[]
  /** The transactions that belong into the block: without the others it gives the same state and the same receipts. */
  accepted: Uint8Array[]
  refused: Refused[]
  events: LedgerEvent[]
  root: Uint8Array
  /** The header of the block that holds exactly `accepted`, and its hash. */
  header: Header
  hash: Uint8Array
  /** The epochs that ended, by netuid. */
  epochs: EpochRecord[]
}

const bytesOf = (entry: Uint8Array | DecodedTransaction): Uint8Array => (entry instanceof Uint8Array ? entry : entry.bytes)

/** The place of a key's transactions in a block: H(hash of the block before ‖ key). Nobody can buy it. */
const placeOf = (parent: Uint8Array, signer: Uint8Array): Uint8Array => sha256(concat(parent, signer))

/** Sorts transactions as a block with this parent must hold them: by H(parent ‖ signer), then nonce, then id. */
export function order(parent: Uint8Array, transactions: readonly DecodedTransaction[]): DecodedTransaction[] {
  const placed = transactions.map((transaction) => ({ transaction, place: placeOf(parent, transaction.unsigned.signer) }))
  placed.sort(
    (a, b) =>
      Buffer.compare(a.place, b.place) || compareNonces(a.transaction, b.transaction) || (a.transaction.id < b.transaction.id ? -1 : 1),
  )
  return placed.map(({ transaction }) => transaction)
}

function compareNonces({ unsigned: a }: DecodedTransaction, { unsigned: b }: DecodedTransaction): number {
  if (a.nonce === b.nonce) return 0
  return a.nonce < b.nonce ? -1 : 1
}

function requireOrder(parent: Uint8Array, transactions: readonly DecodedTransaction[]): void {
  let last: { place: Uint8Array; transaction: DecodedTransaction } | undefined
  for (const transaction of transactions) {
    const place = placeOf(parent, transaction.unsigned.signer)
    const turn = last ? Buffer.compare(last.place, place) || compareNonces(last.transaction, transaction) : -1
    if (turn > 0) throw new NodeError('LEDGER_BLOCK', { detail: `transaction ${transaction.id} is out of order` })
    last = { place, transaction }
  }
}

function requireBlock(state: State, block: BlockInput): void {
  const refuse = (detail: string): never => {
    throw new NodeError('LEDGER_BLOCK', { detail })
  }
  if (block.height !== state.height + 1) refuse(`its height is ${block.height} after ${state.height}`)
  if (!Number.isSafeInteger(block.time) || block.time <= state.time) refuse(`its time ${block.time} is not after ${state.time}`)
  if (block.parent.length !== 32) refuse('its parent is no hash')
  if (state.headHash && Buffer.compare(block.parent, state.headHash) !== 0) refuse('its parent is another block')
  if (block.transactions.length > BLOCK_TRANSACTIONS_MAX) refuse(`it has more than ${BLOCK_TRANSACTIONS_MAX} transactions`)
  const bytes = block.transactions.reduce((sum, entry) => sum + bytesOf(entry).length, 0)
  if (bytes > BLOCK_BYTES_MAX) refuse(`it has more than ${BLOCK_BYTES_MAX} bytes of transactions`)
}

function asNodeError(error: unknown): NodeError {
  if (error instanceof NodeError && error.code !== 'LEDGER_INVARIANT') return error
  throw error
}

/** Decoded transactions by their place in the block, and those whose bytes are none. */
function decodeAll(block: BlockInput, refused: Refused[]): { index: number; transaction: DecodedTransaction }[] {
  const found: { index: number; transaction: DecodedTransaction }[] = []
  for (const [index, entry] of block.transactions.entries()) {
    try {
      found.push({ index, transaction: entry instanceof Uint8Array ? decodeTransaction(entry) : entry })
    } catch (error) {
      refused.push({ index, id: undefined, error: asNodeError(error) })
    }
  }
  return found
}

export interface ApplyOptions {
  /** Transactions whose signature the caller has had verified by `admit`; the objects themselves, not copies. */
  verified?: Pick<ReadonlySet<DecodedTransaction>, 'has'>
}

/**
 * The next state. The one given stays as it is and usable.
 * @throws NodeError LEDGER_BLOCK when the block cannot follow, LEDGER_INVARIANT when the ledger itself is broken: then stop
 */
export function apply(state: State, block: BlockInput, parts: StateParts, options: ApplyOptions = {}): Applied {
  requireBlock(state, block)
  const refused: Refused[] = []
  const decoded = decodeAll(block, refused)
  requireOrder(
    block.parent,
    decoded.map(({ transaction }) => transaction),
  )
  const work = new Work(state, parts)
  begin(work, block.time, block.parent)
  const good = verifyAll(work, decoded, options.verified ?? new Set())
  const receipts: Receipt[] = []
  const accepted: Uint8Array[] = []
  for (const { index, transaction } of decoded) {
    const { unsigned, id, bytes } = transaction
    const signer = toHex(unsigned.signer)
    try {
      if (!good.has(transaction)) throw new NodeError('LEDGER_SIGNATURE_INVALID', { signer })
      const failure = execute(work, unsigned)
      const error = failure && { code: failure.code, text: failure.message }
      receipts.push({ id, height: block.height, index: accepted.length, kind: unsigned.action.kind, signer, error })
      accepted.push(bytes)
    } catch (error) {
      refused.push({ index, id, error: asNodeError(error) })
    }
  }
  const epochs = finish(work)
  refused.sort((a, b) => a.index - b.index)
  const next = work.state
  const { genesis } = next.chain.head.value
  const header: Header = {
    genesis,
    height: BigInt(block.height),
    parent: block.parent,
    time: BigInt(block.time),
    transactionsRoot: transactionsRoot(accepted),
    stateRoot: next.root(),
  }
  const hash = blockHash(header)
  next.headHash = hash
  return { state: next, receipts, accepted, refused, events: work.events, root: header.stateRoot, header, hash, epochs }
}

function begin(work: Work, time: number, parent: Uint8Array): void {
  const { chain, uses } = work.state
  const recent = [parent, ...chain.head.value.recent].slice(0, SEAL_AGE_BLOCKS_MAX + 1)
  chain.head.set({ height: work.height, time, recent })
  uses[work.height % USE_SLOTS] = []
  forgetSeals(work)
}

/** The transactions whose signature is good, all the others checked in one batch. */
function verifyAll(
  work: Work,
  decoded: readonly { transaction: DecodedTransaction }[],
  verified: Pick<ReadonlySet<DecodedTransaction>, 'has'>,
): Set<DecodedTransaction> {
  const good = new Set<DecodedTransaction>()
  const open: DecodedTransaction[] = []
  for (const { transaction } of decoded)
    if (verified.has(transaction)) good.add(transaction)
    else open.push(transaction)
  if (open.length === 0) return good
  const results = work.parts.signature.verifyBatch(open.map(signedItem))
  for (const [i, transaction] of open.entries()) if (results[i] === 1) good.add(transaction)
  return good
}

function finish(work: Work): EpochRecord[] {
  const emission = emit(work)
  const epochs: EpochRecord[] = []
  for (const market of work.state.markets) {
    const record = endEpoch(work, market)
    if (record) epochs.push(record)
    adjustMarket(work, market)
  }
  expireRows(work)
  checkBlock(work, emission)
  return epochs
}

export interface AdmitOptions {
  /** Nonces that it may be ahead of its key's next one, at most 16; its action is then judged when its turn comes. Default 0. */
  ahead?: number
}

/**
 * Whether a transaction would execute in the next block: the same questions that a block asks, signature last but one, the
 * state's own rules last.
 * @throws NodeError LEDGER_*
 */
export function admit(state: State, bytes: Uint8Array, parts: StateParts, options: AdmitOptions = {}): DecodedTransaction {
  const transaction = decodeTransaction(bytes)
  const work = new Work(state, parts)
  begin(work, state.time + 1, state.headHash ?? new Uint8Array(32))
  requireAcceptable(work, transaction.unsigned, Math.min(options.ahead ?? 0, NONCES_AHEAD_MAX))
  const { scheme, publicKey, message, signature } = signedItem(transaction)
  if (!parts.signature.verify(scheme, publicKey, message, signature))
    throw new NodeError('LEDGER_SIGNATURE_INVALID', { signer: toHex(publicKey) })
  if (transaction.unsigned.nonce === state.nonce(publicKey)) {
    const failure = execute(work, transaction.unsigned)
    if (failure) throw failure
  }
  return transaction
}
