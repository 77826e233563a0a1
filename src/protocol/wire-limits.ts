/** Limits of what two neurons say to each other (wire.md 1.2, 1.3, 1.4 and 1.7). Peers' bytes are measured against these before anything is allocated. */

/** Protocol ids; the number is the major version. */
export const HELLO_PROTOCOL = '/taumesh/hello/1'
export const CALL_PROTOCOL = '/taumesh/call/1'
/** Minor versions that this program speaks. */
export const MINOR_MIN = 0
export const MINOR_MAX = 0

/** A frame of the hello stream, length prefix apart. */
export const HELLO_FRAME_BYTES_MAX = 4 * 1024
/** The largest body of a request that a method may declare. */
export const REQUEST_BYTES_MAX = 4 * 1024 * 1024
/** Body of an anonymous call. */
export const OPEN_BODY_BYTES_MAX = 64 * 1024
/** One item of a stream answer. */
export const CHUNK_BYTES_MAX = 64 * 1024
/** Body of an End. */
export const END_BODY_BYTES_MAX = 4 * 1024 * 1024
/** Chunks and End body of an answer summed, unless the method declares another cap. */
export const ANSWER_BYTES_DEFAULT = 8 * 1024 * 1024
/** What type, offsets, header and signature add to a body: Request needs 299 bytes, End 171. */
export const FRAME_OVERHEAD_BYTES = 512
/** Longest length prefix: four groups of seven bits. */
export const FRAME_PREFIX_BYTES_MAX = 4

/** How far two clocks may differ: in the handshake, and between a call's time and ours. */
export const CLOCK_SKEW_MS_MAX = 10_000
/** How long after its sending a call may still be wanted. */
export const CALL_AGE_MS_MAX = 120_000
/** Lifetime of a binding: longest accepted, and made here. Renewed at half of it. */
export const BINDING_MS_MAX = 7 * 86_400_000
/** Bindings in one Auth and on one connection; live peers of one hotkey. */
export const BINDINGS_MAX = 8
export const PEERS_PER_HOTKEY_MAX = 8
/** Width of the replay bitmap below a caller's highest nonce. */
export const REPLAY_WINDOW = 1024

/** What may call itself a method. */
export const METHOD_PATTERN = /^[a-z0-9._-]{1,48}$/
/** Role bits of a binding: miner 1, validator 2, gateway 4, relay 8; the rest are undefined and must be 0. */
export const ROLE_BITS = 0b1111
/** Flag bits of a call: a stream is wanted, an unsigned End is accepted; the rest must be 0. */
export const FLAG_STREAM = 1
export const FLAG_UNSIGNED_END = 2
export const FLAG_BITS = FLAG_STREAM | FLAG_UNSIGNED_END
/** Feature bits 32 to 63 must be understood or refused; none is defined. */
export const FEATURES_REQUIRED = 0xffff_ffff_0000_0000n
