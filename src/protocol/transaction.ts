/**
 * Signed transactions (ledger.md, Transactions). The bytes are SSZ(chainId L32, genesis B32, kind u8, scheme u8, signer B32,
 * nonce u64, expiry u64, fields L64Ki, signature B64), `fields` being the SSZ of the kind's own container (actions.ts).
 * What is signed and what the id names is the same without the signature, so a signature made anew is no new transaction.
 */
import { ByteListType, ContainerType } from '@chainsafe/ssz'
import type { ValueOf } from '@chainsafe/ssz'
import { decodeAction, encodeAction } from './actions.ts'
import { concat, fromHex, toHex, utf8 } from './bytes.ts'
import type { Hex } from './bytes.ts'
import { asciiOf, B32, B64, bytesOfAscii, decodeCanonical, encodeCanonical, requireKey, u64, u8 } from './canonical.ts'
import { NodeError } from './errors.ts'
import { sha256 } from './hash.ts'
import { TRANSACTION_BYTES_MAX } from './ledger-limits.ts'
import type { Scheme, SignedItem } from './ports/compute.ts'
import type { Unsigned } from './ports/ledger.ts'
import type { Signer } from './ports/platform.ts'

const WHAT = 'transaction'
const unsignedFields = {
  chainId: new ByteListType(32),
  genesis: B32,
  kind: u8,
  scheme: u8,
  signer: B32,
  nonce: u64,
  expiry: u64,
  fields: new ByteListType(TRANSACTION_BYTES_MAX),
}
const unsignedType = new ContainerType(unsignedFields)
const signedType = new ContainerType({ ...unsignedFields, signature: B64 })
const schemes: readonly Scheme[] = ['sr25519', 'ed25519']
const TAG = concat(utf8('taumesh:tx:1'), new Uint8Array(1))

export interface DecodedTransaction {
  unsigned: Unsigned
  signature: Uint8Array
  /** H of the unsigned part, so that the signature is no part of it. */
  id: Hex
  /** The bytes as given. */
  bytes: Uint8Array
}

function fieldsOf(unsigned: Unsigned): ValueOf<typeof unsignedType> {
  requireKey(unsigned.signer, WHAT, 'signer')
  const { code, fields } = encodeAction(unsigned.action)
  return {
    chainId: bytesOfAscii(unsigned.chainId, WHAT, 'chainId'),
    genesis: unsigned.genesis,
    kind: code,
    scheme: schemes.indexOf(unsigned.scheme),
    signer: unsigned.signer,
    nonce: unsigned.nonce,
    expiry: unsigned.expiry,
    fields,
  }
}

const digest = (unsigned: Unsigned): Uint8Array => sha256(encodeCanonical(unsignedType, fieldsOf(unsigned), WHAT))

/** H of the unsigned part: what receipts and lookups name. @throws NodeError LEDGER_MALFORMED */
export const transactionId = (unsigned: Unsigned): Hex => toHex(digest(unsigned))

/** `taumesh:tx:1` ‖ 00 ‖ H(SSZ of the unsigned part): what the signer signs, raw. @throws NodeError LEDGER_MALFORMED */
export const signingBytes = (unsigned: Unsigned): Uint8Array => concat(TAG, digest(unsigned))

/** Canonical bytes. @throws NodeError LEDGER_MALFORMED when a value is outside its type or the whole over 64 KiB */
export function encodeTransaction(unsigned: Unsigned, signature: Uint8Array): Uint8Array {
  const bytes = encodeCanonical(signedType, { ...fieldsOf(unsigned), signature }, WHAT)
  if (bytes.length > TRANSACTION_BYTES_MAX)
    throw new NodeError('LEDGER_MALFORMED', { what: WHAT, detail: `${bytes.length} bytes, at most ${TRANSACTION_BYTES_MAX}` })
  return bytes
}

/**
 * Total: a transaction, or an error. Says nothing about signature or state.
 * @throws NodeError LEDGER_MALFORMED for bytes that are too long, not canonical, of an unknown kind, or hold a value no state takes
 */
export function decodeTransaction(bytes: Uint8Array): DecodedTransaction {
  const { signature, ...unsignedPart } = decodeCanonical(signedType, bytes, WHAT, TRANSACTION_BYTES_MAX)
  const scheme = schemes[unsignedPart.scheme]
  if (scheme === undefined) throw new NodeError('LEDGER_MALFORMED', { what: WHAT, detail: 'its scheme is unknown' })
  requireKey(unsignedPart.signer, WHAT, 'signer')
  const { genesis, signer, nonce, expiry } = unsignedPart
  const unsigned: Unsigned = {
    chainId: asciiOf(unsignedPart.chainId, WHAT, 'chainId'),
    genesis,
    action: decodeAction(unsignedPart.kind, unsignedPart.fields),
    scheme,
    signer,
    nonce,
    expiry,
  }
  return { unsigned, signature, id: toHex(sha256(unsignedType.serialize(unsignedPart))), bytes }
}

/** What a verifier needs to judge the signature of decoded bytes, without encoding them again. */
export const signedItem = ({ unsigned, signature, id }: DecodedTransaction): SignedItem => ({
  scheme: unsigned.scheme,
  publicKey: unsigned.signer,
  message: concat(TAG, fromHex(id)),
  signature,
})

/** Signs with the signer's key, which must be the one named. @throws NodeError LEDGER_MALFORMED */
export async function signTransaction(unsigned: Unsigned, signer: Signer): Promise<Uint8Array> {
  if (toHex(signer.publicKey) !== toHex(unsigned.signer) || signer.scheme !== unsigned.scheme)
    throw new NodeError('LEDGER_MALFORMED', { what: WHAT, detail: 'it names another signer' })
  return encodeTransaction(unsigned, await signer.sign(signingBytes(unsigned)))
}
