/** The two hashes of the protocol: SHA-256 for the ledger and frames, BLAKE3 for the mixture (mixture.md, Conventions). */
import { blake3 as noble } from '@noble/hashes/blake3.js'
import { sha256 as nobleSha256 } from '@noble/hashes/sha2.js'
import { utf8 } from './bytes.ts'

/** H of ledger.md and wire.md: SHA-256, 32 bytes. */
export const sha256 = (data: Uint8Array): Uint8Array => nobleSha256(data)

/** H of mixture.md: BLAKE3-256, 32 bytes. */
export const blake3 = (data: Uint8Array): Uint8Array => noble(data)

/** KDF[tag](x) = BLAKE3 derive_key with context `taumesh v1 <tag>`, 32 bytes. */
export const kdf = (tag: string, data: Uint8Array): Uint8Array => noble(data, { context: utf8(`taumesh v1 ${tag}`) })

/** BLAKE3 keyed by 32 bytes, 32 bytes out. */
export const keyedBlake3 = (key: Uint8Array, data: Uint8Array): Uint8Array => noble(data, { key })
