/** Blocks (ledger.md, Blocks and trust): the header that every engine has in common, its hash, and the orderer's proof. */
import { ByteListType, ByteVectorType, ContainerType, ListCompositeType } from '@chainsafe/ssz'
import type { ValueOf } from '@chainsafe/ssz'
import { concat, utf8 } from './bytes.ts'
import { B32, decodeCanonical, encodeCanonical, u64 } from './canonical.ts'
import { NodeError } from './errors.ts'
import { sha256 } from './hash.ts'
import { BLOCK_BYTES_MAX, BLOCK_TRANSACTIONS_MAX, TRANSACTION_BYTES_MAX } from './ledger-limits.ts'

const PROOF_BYTES_MAX = 65_536
/** Header, offsets of up to all transactions, proof, transactions. */
const ENCODED_BYTES_MAX = BLOCK_BYTES_MAX + PROOF_BYTES_MAX + 4 * BLOCK_TRANSACTIONS_MAX + 1_024

const headerType = new ContainerType({
  genesis: B32,
  height: u64,
  parent: B32,
  time: u64,
  transactionsRoot: B32,
  stateRoot: B32,
})
const blockType = new ContainerType({
  header: headerType,
  proof: new ByteListType(PROOF_BYTES_MAX),
  transactions: new ListCompositeType(new ByteListType(TRANSACTION_BYTES_MAX), BLOCK_TRANSACTIONS_MAX),
})
const hashesType = new ListCompositeType(new ByteVectorType(32), BLOCK_TRANSACTIONS_MAX)

/** `time` is Unix ms; `stateRoot` is the root after the block; `parent` the hash of the block before (height 1: the genesis hash). */
export type Header = ValueOf<typeof headerType>
export interface Block {
  header: Header
  /** The orderer's 64-byte signature of the block hash, or CometBFT's commit. */
  proof: Uint8Array
  transactions: Uint8Array[]
}

const HEAD_TAG = concat(utf8('taumesh:head:1'), new Uint8Array(1))

/** Canonical SSZ of a header. @throws NodeError LEDGER_MALFORMED */
export const encodeHeader = (header: Header): Uint8Array => encodeCanonical(headerType, header, 'header')
/** @throws NodeError LEDGER_MALFORMED */
export const decodeHeader = (bytes: Uint8Array): Header => decodeCanonical(headerType, bytes, 'header', 1_024)
/** H(SSZ(header)), 32 bytes: the block's hash on every engine. */
export const blockHash = (header: Header): Uint8Array => sha256(encodeHeader(header))
/** The SSZ root of the list of H(transaction), in block order. */
export const transactionsRoot = (transactions: readonly Uint8Array[]): Uint8Array => {
  checkTransactions(transactions)
  return hashesType.hashTreeRoot(transactions.map(sha256))
}
/** What the orderer signs with ed25519: `taumesh:head:1` ‖ 00 ‖ block hash. */
export const headSigningBytes = (hash: Uint8Array): Uint8Array => concat(HEAD_TAG, hash)

/** Canonical bytes of a block with its proof. @throws NodeError LEDGER_MALFORMED when it is over a limit */
export function encodeBlock(block: Block): Uint8Array {
  checkTransactions(block.transactions)
  return encodeCanonical(blockType, block, 'block')
}

/** A block whose transactions root fits. Proof and state root are the caller's to check. @throws NodeError LEDGER_MALFORMED */
export function decodeBlock(bytes: Uint8Array): Block {
  const block = decodeCanonical(blockType, bytes, 'block', ENCODED_BYTES_MAX)
  checkTransactions(block.transactions)
  if (Buffer.compare(transactionsRoot(block.transactions), block.header.transactionsRoot) !== 0)
    throw new NodeError('LEDGER_MALFORMED', { what: 'block', detail: 'the transactions are not those of the header' })
  return block
}

function checkTransactions(transactions: readonly Uint8Array[]): void {
  const refuse = (detail: string): never => {
    throw new NodeError('LEDGER_MALFORMED', { what: 'block', detail })
  }
  if (transactions.length > BLOCK_TRANSACTIONS_MAX) refuse(`more than ${BLOCK_TRANSACTIONS_MAX} transactions`)
  if (transactions.reduce((sum, bytes) => sum + bytes.length, 0) > BLOCK_BYTES_MAX)
    refuse(`more than ${BLOCK_BYTES_MAX} bytes of transactions`)
}
