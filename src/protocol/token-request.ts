/** What a coldkey signs to get a bearer token of a node's API. */
import { concat, u64le, utf8 } from './bytes.ts'
import { sha256 } from './hash.ts'

const TAG = utf8('taumesh:token:1\0')

/** ascii(tag) ‖ 00 ‖ SHA-256(genesis ‖ coldkey ‖ issued_at u64 ‖ expires_at u64), times in Unix ms. */
export const tokenSigningBytes = (genesis: Uint8Array, request: { coldkey: Uint8Array; issuedAt: number; expiresAt: number }): Uint8Array =>
  concat(TAG, sha256(concat(genesis, request.coldkey, u64le(BigInt(request.issuedAt)), u64le(BigInt(request.expiresAt)))))
