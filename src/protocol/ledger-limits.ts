/** Limits of the ledger that no vote changes, each with its reason. */

/** One transaction. The largest kind, a reveal of 4,096 weights, takes 17 KiB. */
export const TRANSACTION_BYTES_MAX = 64 * 1024
/** How far ahead a transaction may expire; the ledger forgets an unused key after as many blocks, so that none can return. */
export const EXPIRY_BLOCKS_MAX = 1_000
/** Nonces ahead of a key's next one that the mempool keeps. */
export const NONCES_AHEAD_MAX = 16
/** Transactions of one block: with the smallest kind this is past what 1 MiB holds. */
export const BLOCK_TRANSACTIONS_MAX = 8_192
/** Bytes of the transactions of one block, together. */
export const BLOCK_BYTES_MAX = 1024 * 1024
/** Neurons in one market. Up to here no sum of u16 weights in the epoch scoring can overflow. */
export const NEURONS_MAX = 4_096
/** Markets of one ledger. */
export const MARKETS_MAX = 64
/** Rows of any table of keys: what u32 ids can name, with room. */
export const ROWS_MAX = 2 ** 31
/** How many blocks older than the head the block named by a seal may be: work cannot be stored up for later. */
export const SEAL_AGE_BLOCKS_MAX = 2
/** Addresses of one endpoint and bytes of each (wire.md 1.8). */
export const ADDRESSES_MAX = 4
export const ADDRESS_BYTES_MAX = 128
/** Reveal lag, in epochs; with it open commitments per validator, one an epoch. */
export const REVEAL_LAG_MAX = 9
export const OPEN_COMMITMENTS_MAX = REVEAL_LAG_MAX + 1
/** Classes of a model (mixture.md 2.6): 0 nano to 3 base, 4 other. */
export const MODEL_CLASS_MAX = 4
/** The values that the governed sequence length, in bytes, may take. */
export const SEQUENCE_LENGTHS: readonly number[] = [64, 256, 1_024, 4_096]
/** Accounts and stakes that a genesis may name, and bytes of its JSON view (reliability.md 9.4, D10). */
export const GENESIS_ENTRIES_MAX = 65_536
export const GENESIS_JSON_BYTES_MAX = 64 * 1024 * 1024
