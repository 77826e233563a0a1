/**
 * Every error that a caller can see: one row per code, never renamed, never reused. A code begins with the room or
 * crate it comes from. `http` is the status over REST, `retry` what a client may do, `penalty` the points that a peer
 * earns for it (wire.md 1.7; 50 points disconnect), `exit` the exit code of the command line where it is not 1,
 * and `text` the one line that people read, `{name}` standing for data.
 */
export type Retry = 'never' | 'later' | 'elsewhere' | 'rebuilt'

export interface ErrorRow {
  http: number
  retry: Retry
  penalty: number
  text: string
  exit?: number
}

export const errors = {
  // The sixteen answers of wire.md 1.7 (numbers in wire-errors.ts), then what only the caller's own side says.
  WIRE_MALFORMED: { http: 400, retry: 'never', penalty: 20, text: 'the message is malformed: {detail}' },
  WIRE_UNSUPPORTED: { http: 400, retry: 'never', penalty: 0, text: 'the peer speaks no version in common: {detail}' },
  WIRE_WRONG_CHAIN: { http: 421, retry: 'never', penalty: 0, text: 'the peer is on another chain' },
  WIRE_WRONG_TARGET: { http: 421, retry: 'never', penalty: 10, text: 'the call is for another receiver or connection: {detail}' },
  WIRE_UNAUTHENTICATED: { http: 401, retry: 'never', penalty: 20, text: 'the caller did not prove its key: {detail}' },
  WIRE_REPLAY: { http: 401, retry: 'never', penalty: 20, text: 'the call was seen before' },
  WIRE_CLOCK: { http: 401, retry: 'later', penalty: 0, text: 'the clocks differ by more than 10 s: {detail}' },
  WIRE_FORBIDDEN: { http: 403, retry: 'never', penalty: 1, text: 'the caller may not call this method: {detail}' },
  WIRE_NOT_FOUND: { http: 404, retry: 'never', penalty: 0, text: 'no such method or object: {detail}' },
  WIRE_DEADLINE: { http: 408, retry: 'never', penalty: 0, text: 'the deadline passed: {detail}' },
  WIRE_TOO_LARGE: { http: 413, retry: 'never', penalty: 20, text: 'the message is too large: {detail}' },
  WIRE_RATE_LIMITED: { http: 429, retry: 'later', penalty: 1, text: 'too many calls, try again in {retryAfterMs} ms' },
  WIRE_BUSY: { http: 503, retry: 'elsewhere', penalty: 0, text: 'the queue is full, try again in {retryAfterMs} ms' },
  WIRE_SHUTTING_DOWN: { http: 503, retry: 'elsewhere', penalty: 0, text: 'the peer is shutting down' },
  WIRE_INTERNAL: { http: 500, retry: 'elsewhere', penalty: 0, text: 'the peer failed: {detail}' },
  WIRE_ENGINE_FAILED: { http: 502, retry: 'elsewhere', penalty: 0, text: 'the engine behind the peer failed: {detail}' },
  WIRE_UNREACHABLE: { http: 503, retry: 'elsewhere', penalty: 0, text: 'the peer cannot be reached: {detail}' },
  WIRE_ADDRESS_REFUSED: { http: 400, retry: 'never', penalty: 0, text: 'the address may not be dialled: {detail}' },
  WIRE_ANSWER_INVALID: { http: 502, retry: 'elsewhere', penalty: 20, text: 'the answer does not verify: {detail}' },
  WIRE_CANCELLED: { http: 499, retry: 'never', penalty: 0, text: 'the call was cancelled' },
  WIRE_CONFIG: { http: 500, retry: 'never', penalty: 0, text: 'the network cannot start: {detail}', exit: 78 },
  // Bytes and signatures of transactions, then what keeps one out of a block or makes it fail in one (ledger.md).
  LEDGER_MALFORMED: { http: 400, retry: 'never', penalty: 20, text: 'not a canonical {what}: {detail}' },
  LEDGER_GENESIS: { http: 400, retry: 'never', penalty: 0, text: 'the genesis is refused: {detail}', exit: 78 },
  LEDGER_AMOUNT: { http: 400, retry: 'never', penalty: 0, text: 'not an amount: {detail}' },
  LEDGER_WRONG_CHAIN: { http: 421, retry: 'never', penalty: 20, text: 'the transaction is for chain {chain}' },
  LEDGER_SIGNATURE_INVALID: { http: 401, retry: 'never', penalty: 20, text: 'the signature is not by {signer}' },
  LEDGER_EXPIRED: { http: 409, retry: 'rebuilt', penalty: 0, text: 'the transaction expired at height {expiry}, the block is {height}' },
  LEDGER_EXPIRY_TOO_FAR: {
    http: 400,
    retry: 'rebuilt',
    penalty: 0,
    text: 'the expiry {expiry} is more than {limit} blocks after {height}',
  },
  LEDGER_NONCE: { http: 409, retry: 'rebuilt', penalty: 0, text: 'the nonce is {nonce}, the next one of {signer} is {next}' },
  LEDGER_FEE: { http: 402, retry: 'later', penalty: 0, text: 'the fee of {fee} rao exceeds the free balance of {signer}' },
  LEDGER_RATE_LIMITED: { http: 429, retry: 'later', penalty: 0, text: '{kind} is possible again at height {height}' },
  LEDGER_BALANCE: { http: 402, retry: 'later', penalty: 0, text: '{amount} rao asked, {free} rao are free' },
  LEDGER_EXISTENTIAL: {
    http: 400,
    retry: 'never',
    penalty: 0,
    text: 'what would be left, {amount} rao, is below the deposit of {minimum} rao',
  },
  LEDGER_STAKE: { http: 402, retry: 'never', penalty: 0, text: '{amount} rao asked, {stake} rao are staked there' },
  LEDGER_AMOUNT_ZERO: { http: 400, retry: 'never', penalty: 0, text: 'the amount is zero' },
  LEDGER_SELF: { http: 400, retry: 'never', penalty: 0, text: 'source and target are the same key' },
  LEDGER_MARKET_UNKNOWN: { http: 404, retry: 'never', penalty: 0, text: 'there is no market {netuid}' },
  LEDGER_HOTKEY_UNKNOWN: { http: 404, retry: 'never', penalty: 0, text: 'the ledger does not know the hotkey {hotkey}' },
  LEDGER_HOTKEY_FOREIGN: { http: 403, retry: 'never', penalty: 0, text: 'the hotkey {hotkey} belongs to another coldkey' },
  LEDGER_NOT_DELEGATE: { http: 403, retry: 'never', penalty: 0, text: 'the hotkey {hotkey} takes no delegation' },
  LEDGER_ALREADY_DELEGATE: { http: 409, retry: 'never', penalty: 0, text: 'the hotkey {hotkey} is a delegate already' },
  LEDGER_TAKE_TOO_HIGH: { http: 400, retry: 'never', penalty: 0, text: 'a take of {take} is above {maximum}' },
  LEDGER_TAKE_RAISED: { http: 429, retry: 'later', penalty: 0, text: 'the take may be raised again at height {height}' },
  LEDGER_REGISTERED: { http: 409, retry: 'never', penalty: 0, text: 'the hotkey {hotkey} has uid {uid} in market {netuid} already' },
  LEDGER_NOT_REGISTERED: { http: 403, retry: 'never', penalty: 0, text: 'the hotkey {hotkey} is not registered in market {netuid}' },
  LEDGER_REGISTRATION_CLOSED: { http: 403, retry: 'later', penalty: 0, text: 'market {netuid} takes no registrations' },
  LEDGER_REGISTRATION_CAP: { http: 429, retry: 'later', penalty: 0, text: 'market {netuid} takes no more registrations in this {span}' },
  LEDGER_NOTHING_PRUNABLE: { http: 409, retry: 'later', penalty: 0, text: 'market {netuid} is full and may replace no neuron now' },
  LEDGER_SEAL_STALE: { http: 409, retry: 'rebuilt', penalty: 0, text: 'the seal names block {block}, the head is {head}' },
  LEDGER_SEAL_USED: { http: 409, retry: 'rebuilt', penalty: 0, text: 'the seal was used before' },
  LEDGER_SEAL_WEAK: { http: 400, retry: 'rebuilt', penalty: 0, text: 'the seal does not meet difficulty {difficulty}' },
  LEDGER_BURN_LIMIT: { http: 409, retry: 'rebuilt', penalty: 0, text: 'the burn price is {price} rao, the limit {limit} rao' },
  LEDGER_PERMIT: { http: 403, retry: 'later', penalty: 0, text: 'the hotkey {hotkey} has no permit with enough stake in market {netuid}' },
  LEDGER_MODEL_REPEATED: {
    http: 429,
    retry: 'later',
    penalty: 0,
    text: 'a model was committed in epoch {epoch} of market {netuid} already',
  },
  LEDGER_COMMIT_EPOCH: {
    http: 409,
    retry: 'rebuilt',
    penalty: 0,
    text: 'the commitment is for epoch {epoch}, market {netuid} is in {current}',
  },
  LEDGER_COMMIT_REPEATED: { http: 409, retry: 'never', penalty: 0, text: 'epoch {epoch} of market {netuid} has a commitment already' },
  LEDGER_REVEAL_EPOCH: {
    http: 409,
    retry: 'later',
    penalty: 0,
    text: 'epoch {epoch} is revealed in {due}, market {netuid} is in {current}',
  },
  LEDGER_REVEAL_UNKNOWN: { http: 409, retry: 'never', penalty: 0, text: 'no open commitment for epoch {epoch} of market {netuid}' },
  LEDGER_REVEAL_MISMATCH: { http: 400, retry: 'never', penalty: 0, text: 'the reveal does not give the commitment of epoch {epoch}' },
  LEDGER_WEIGHTS: { http: 400, retry: 'never', penalty: 0, text: 'the weights are refused: {detail}' },
  LEDGER_BLOCK: { http: 400, retry: 'never', penalty: 20, text: 'the block is refused: {detail}' },
  LEDGER_STATE: { http: 500, retry: 'never', penalty: 20, text: 'the state is refused: {detail}' },
  LEDGER_INVARIANT: {
    http: 500,
    retry: 'never',
    penalty: 0,
    text: 'the ledger broke its invariant {id} at height {height}: {detail}',
    exit: 70,
  },
  // Key files, phrases and signers. None ever quotes a secret.
  KEYS_NAME_INVALID: {
    http: 400,
    retry: 'never',
    penalty: 0,
    text: 'a name has 1 to 64 letters, digits, dots, dashes or underscores, begins with a letter or digit, and does not end in pub.txt',
  },
  KEYS_EXISTS: { http: 409, retry: 'never', penalty: 0, text: '{path} exists already; a key is never overwritten' },
  KEYS_NOT_FOUND: { http: 404, retry: 'never', penalty: 0, text: 'no key file at {path}' },
  KEYS_FILE_INVALID: { http: 400, retry: 'never', penalty: 0, text: 'the key file {path} is unusable: {detail}' },
  KEYS_MISMATCH: { http: 400, retry: 'never', penalty: 0, text: 'the key file states an address that is not of its secret' },
  KEYS_PASSWORD_NEEDED: { http: 400, retry: 'never', penalty: 0, text: '{path} is sealed: a password is needed' },
  KEYS_PASSWORD_WRONG: { http: 400, retry: 'never', penalty: 0, text: 'wrong password, or the key file was damaged' },
  KEYS_PASSWORD_INVALID: { http: 400, retry: 'never', penalty: 0, text: 'a password has 1 to 1,024 bytes' },
  KEYS_COST_REFUSED: { http: 400, retry: 'never', penalty: 0, text: 'the key file asks for more than 1 GiB, 16 passes or 16 lanes' },
  KEYS_UNENCRYPTED: { http: 400, retry: 'never', penalty: 0, text: 'a coldkey without a password is for local networks alone: {path}' },
  KEYS_PHRASE_INVALID: { http: 400, retry: 'never', penalty: 0, text: 'the phrase is not valid: {detail}' },
  KEYS_URI_INVALID: { http: 400, retry: 'never', penalty: 0, text: 'not a key URI: phrase//hard/soft///password' },
  KEYS_CLOSED: { http: 500, retry: 'never', penalty: 0, text: 'the signer was closed' },
  // Proof of work and signatures, by the addon or its twin.
  POW_BACKEND_UNAVAILABLE: { http: 400, retry: 'never', penalty: 0, text: 'no such solver here: {detail}' },
  POW_BACKEND_WRONG: { http: 500, retry: 'elsewhere', penalty: 0, text: 'a solver computes wrongly: {detail}' },
  POW_THREADS: { http: 400, retry: 'never', penalty: 0, text: 'not a number of threads: {detail}' },
  POW_BATCH_TOO_LARGE: { http: 413, retry: 'never', penalty: 0, text: 'too many seals at once: {detail}' },
  POW_BATCH_SHAPE: { http: 400, retry: 'never', penalty: 0, text: 'the seals of a batch are malformed: {detail}' },
  SIGNATURE_SECRET_INVALID: { http: 400, retry: 'never', penalty: 0, text: 'the secret key is invalid' },
  SIGNATURE_MESSAGE_WRAPPED: { http: 400, retry: 'never', penalty: 0, text: 'text in <Bytes> form is never signed' },
  SIGNATURE_MESSAGE_TOO_LONG: { http: 413, retry: 'never', penalty: 0, text: 'the message is too long: {detail}' },
  SIGNATURE_BATCH_TOO_LARGE: { http: 413, retry: 'never', penalty: 0, text: 'too many signatures at once: {detail}' },
  NATIVE_CANCELLED: { http: 499, retry: 'never', penalty: 0, text: 'the work was cancelled' },
  NATIVE_PANIC: { http: 500, retry: 'elsewhere', penalty: 0, text: 'native code failed: {detail}' },
  NATIVE_BUSY: { http: 503, retry: 'later', penalty: 0, text: 'native code is busy: {detail}' },
  NATIVE_ARGUMENT: { http: 400, retry: 'never', penalty: 0, text: 'wrong argument for native code: {detail}' },
  NATIVE_ABSENT: {
    http: 500,
    retry: 'never',
    penalty: 0,
    text: 'the native addon cannot be loaded: {detail}. Run: npm run setup',
    exit: 78,
  },
  MESSAGE_MALFORMED: { http: 400, retry: 'never', penalty: 20, text: 'a malformed message: {what}' },
  JSON_INVALID: { http: 400, retry: 'never', penalty: 0, text: '{what} is not acceptable JSON: {detail}' },
  API_REQUEST_INVALID: { http: 400, retry: 'never', penalty: 0, text: 'the request is not valid: {detail}' },
  API_MEDIA_TYPE: { http: 415, retry: 'never', penalty: 0, text: 'send the body as content-type application/json' },
  API_BODY_TOO_LARGE: { http: 413, retry: 'never', penalty: 0, text: 'the body is larger than this route takes' },
  API_NOT_FOUND: { http: 404, retry: 'never', penalty: 0, text: 'there is nothing at {path}; /docs lists every route' },
  API_UNAUTHENTICATED: {
    http: 401,
    retry: 'never',
    penalty: 0,
    text: 'this needs a valid bearer token: see POST /v1/tokens, or the file api.token in the data folder',
  },
  API_FORBIDDEN: { http: 403, retry: 'never', penalty: 0, text: 'this token may not do that: it needs the role {role}' },
  API_HOST_REFUSED: { http: 421, retry: 'never', penalty: 0, text: 'this node does not answer for the host {host}' },
  API_ORIGIN_REFUSED: { http: 403, retry: 'never', penalty: 0, text: 'requests from the page {origin} are refused' },
  API_RATE_LIMITED: { http: 429, retry: 'later', penalty: 0, text: 'too many requests; try again in {seconds} s' },
  API_OVERLOADED: { http: 503, retry: 'later', penalty: 0, text: 'the node is overloaded; try again in a few seconds' },
  API_INTERNAL: { http: 500, retry: 'elsewhere', penalty: 0, text: 'the node failed on this request; its log says why' },
  API_TOKEN_STALE: {
    http: 400,
    retry: 'rebuilt',
    penalty: 0,
    text: 'a token is asked for within 60 s of issued_at, and lives at most 30 days',
  },
  API_TOKEN_SIGNATURE: { http: 401, retry: 'never', penalty: 0, text: 'the signature is not by this coldkey over this request' },
  API_TOKEN_REPLAYED: { http: 409, retry: 'rebuilt', penalty: 0, text: 'this request for a token was used already: sign a new one' },
  API_NO_GATEWAY: { http: 503, retry: 'elsewhere', penalty: 0, text: 'this node runs no gateway' },
  API_JOBS_FULL: { http: 429, retry: 'later', penalty: 0, text: '{most} proof-of-work jobs run already; cancel one first' },
  API_PORT_IN_USE: {
    http: 500,
    retry: 'never',
    penalty: 0,
    text: 'cannot listen on {address}: {detail}. Choose another with --http HOST:PORT (port 0 = any)',
    exit: 78,
  },
  LEDGER_NOT_FOUND: { http: 404, retry: 'never', penalty: 0, text: 'the ledger knows no {what}' },
  CONSENSUS_INPUT_TOO_LARGE: { http: 400, retry: 'never', penalty: 0, text: 'the epoch is too large: {detail}' },
  CONSENSUS_INPUT_LENGTH: { http: 400, retry: 'never', penalty: 0, text: 'a list of the epoch has the wrong length: {detail}' },
  CONSENSUS_INPUT_ROW: { http: 400, retry: 'never', penalty: 0, text: 'a row of the epoch is malformed: {detail}' },
  CONSENSUS_INPUT_VALUE: { http: 400, retry: 'never', penalty: 0, text: 'a number of the epoch is out of range: {detail}' },
  CONSENSUS_INPUT_MALFORMED: { http: 400, retry: 'never', penalty: 0, text: 'not the inputs of an epoch: {detail}' },
  SCORING_TEXT_SHORT: { http: 500, retry: 'never', penalty: 0, text: 'no text is long enough for spans of {length} bytes', exit: 78 },
  // The GPU program, a process of its own (native/gpu). Nearly all of these end in the CPU taking over.
  GPU_UNAVAILABLE: { http: 400, retry: 'never', penalty: 0, text: 'device {device} cannot be used: {detail}' },
  GPU_RESTING: { http: 503, retry: 'later', penalty: 0, text: 'device {device} gets no jobs: {detail}' },
  GPU_LOST: { http: 503, retry: 'later', penalty: 0, text: 'the GPU process was lost: {detail}' },
  GPU_FAILED: { http: 502, retry: 'elsewhere', penalty: 0, text: 'device {device} failed: {code}: {detail}' },
  GPU_WRONG: { http: 500, retry: 'elsewhere', penalty: 0, text: 'device {device} computes wrongly: {detail}' },
  GPU_PROTOCOL: { http: 502, retry: 'elsewhere', penalty: 0, text: 'the GPU process broke the protocol: {detail}' },
  TENSOR_SHAPE: { http: 400, retry: 'never', penalty: 0, text: 'the matrices do not fit: {detail}' },
  TENSOR_DEVICE: { http: 400, retry: 'elsewhere', penalty: 0, text: 'the device cannot do this: {detail}' },
  EXPERT_SPEC: { http: 400, retry: 'never', penalty: 0, text: 'no such model: {detail}' },
  EXPERT_INPUT: { http: 400, retry: 'never', penalty: 0, text: 'the model cannot take this: {detail}' },
  EXPERT_KIND: { http: 400, retry: 'never', penalty: 0, text: 'this kind of model cannot do that: {detail}' },
  EXPERT_NO_TEXT: { http: 409, retry: 'never', penalty: 0, text: 'the model was given no text to train on' },
  EXPERT_ARTEFACT: { http: 400, retry: 'never', penalty: 0, text: 'not a fallback artefact: {detail}' },
  EXPERT_CHECKPOINT: { http: 400, retry: 'never', penalty: 0, text: 'the checkpoint does not fit: {detail}' },
  LAB_BENCH_WRONG: { http: 500, retry: 'never', penalty: 0, text: 'nothing was timed: {what} came out wrong on this machine' },
  MIXTURE_ARGUMENT: { http: 400, retry: 'never', penalty: 0, text: 'wrong input for the mixture: {detail}' },
  MIXTURE_TOO_LARGE: { http: 413, retry: 'never', penalty: 0, text: 'too much for one call of the mixture: {detail}' },
  MIXTURE_NTD_MALFORMED: { http: 400, retry: 'never', penalty: 20, text: 'malformed next-token distributions: {detail}' },
  VALIDATOR_DEAF: {
    http: 503,
    retry: 'later',
    penalty: 0,
    text: '{late} of {peers} miners answered too late: the fault is more likely here',
  },
  VALIDATOR_CLOSED: { http: 503, retry: 'elsewhere', penalty: 0, text: 'the validator is closed' },
  VALIDATOR_STATE: { http: 500, retry: 'never', penalty: 0, text: 'item {index} of the evidence is not the state it should be', exit: 78 },
  VALIDATOR_NO_EVIDENCE: { http: 404, retry: 'never', penalty: 0, text: 'no evidence of epoch {epoch} is kept or revealed' },
  CLI_USAGE: { http: 400, retry: 'never', penalty: 0, text: '{detail}. See: taumesh {command}--help', exit: 2 },
  CLI_PASSWORD: { http: 400, retry: 'never', penalty: 0, text: 'no password: {detail}', exit: 2 },
  CLI_UNEXPECTED: { http: 500, retry: 'never', penalty: 0, text: 'unexpected failure: {detail}' },
  CLI_FILE: { http: 400, retry: 'never', penalty: 0, text: 'cannot read {path}: {detail}' },
  CLI_NO_NODE: {
    http: 503,
    retry: 'later',
    penalty: 0,
    text: 'no node answers at {url}: start one with npm start, or name it with --node URL',
  },
  CLI_REMOTE: { http: 502, retry: 'never', penalty: 0, text: 'the node refused: {detail}' },
  CLI_SETUP_FAILED: {
    http: 500,
    retry: 'never',
    penalty: 0,
    text: 'the set-up of the local network failed ({detail}); the line above says why',
    exit: 78,
  },
  NODE_CORPUS_MISSING: {
    http: 500,
    retry: 'never',
    penalty: 0,
    text: 'there is no prepared text at {path}: run taumesh corpus',
    exit: 78,
  },
  NODE_ROLE_FAILED: { http: 500, retry: 'never', penalty: 0, text: 'a role of this node failed: {detail}' },
  NODE_PLAN_INVALID: {
    http: 500,
    retry: 'never',
    penalty: 0,
    text: '{path} is missing or damaged: restore it, or move the data folder away and start anew',
    exit: 78,
  },
  ADDRESS_INVALID: { http: 400, retry: 'never', penalty: 0, text: 'not an address: {detail}' },
  LAB_CORPUS_SOURCE_MISSING: {
    http: 500,
    retry: 'never',
    penalty: 0,
    text: 'no text found for the corpus in {path}. Run: npm run setup',
    exit: 78,
  },
  EXPERTS_TEXT_MISSING: { http: 400, retry: 'never', penalty: 0, text: 'there is no folder of text at {path}', exit: 78 },
  EXPERTS_TEXT_EMPTY: { http: 400, retry: 'never', penalty: 0, text: 'the folder {path} holds no text to learn from', exit: 78 },
  EXPERTS_TEXT_TOO_MANY: {
    http: 400,
    retry: 'never',
    penalty: 0,
    text: 'the folder {path} has more than {limit} entries; name a smaller one',
    exit: 78,
  },
  EXPERTS_TEXT_UNREADABLE: { http: 400, retry: 'never', penalty: 0, text: 'the text at {path} cannot be read: {detail}', exit: 78 },
  EXPERTS_CLOSED: { http: 503, retry: 'elsewhere', penalty: 0, text: 'the expert is closed' },
  EXPERTS_CHECKPOINT_OTHER: {
    http: 500,
    retry: 'never',
    penalty: 0,
    text: 'the stored checkpoint is damaged or of another model: {detail}',
  },
  ROLES_NONCE: { http: 503, retry: 'later', penalty: 0, text: 'the ledger refused {attempts} nonces of {signer} in a row' },
  MINER_QUERY_UNKNOWN: { http: 404, retry: 'never', penalty: 0, text: 'no commitment is kept for query {query}' },
  MINER_QUERY_OPENED: { http: 403, retry: 'never', penalty: 1, text: 'query {query} was opened at other positions already' },
  MINER_QUERY_TOO_LONG: { http: 413, retry: 'never', penalty: 0, text: 'the span has {length} bytes, this expert takes {limit}' },
  MINER_QUERIES_FULL: { http: 503, retry: 'elsewhere', penalty: 0, text: 'the caller has {limit} bytes of leaves waiting for a reveal' },
  MINER_STREAM_UNKNOWN: { http: 404, retry: 'rebuilt', penalty: 0, text: 'stream {stream} is not open here; begin it at position 0' },
  MINER_STREAM_POSITION: { http: 400, retry: 'rebuilt', penalty: 0, text: 'stream {stream} has {length} bytes, not {position}' },
  MINER_STREAM_FULL: { http: 413, retry: 'never', penalty: 0, text: 'a stream holds at most {limit} bytes' },
  GATEWAY_NO_STAKE: {
    http: 403,
    retry: 'later',
    penalty: 0,
    text: 'coldkey {coldkey} has less than {minimum} staked in market {netuid}: stake with `taumesh stake add`, then wait for the next epoch',
  },
  GATEWAY_BUSY: { http: 503, retry: 'later', penalty: 0, text: 'the gateway has {limit} requests waiting; try again in {seconds} s' },
  GATEWAY_NO_EXPERT: { http: 503, retry: 'later', penalty: 0, text: 'no expert of market {netuid} answered' },
  GATEWAY_ARGUMENT: { http: 400, retry: 'never', penalty: 0, text: 'the request cannot be served: {detail}' },
  GATEWAY_DEADLINE: { http: 504, retry: 'later', penalty: 0, text: 'the answer took longer than {totalMs} ms' },
  GATEWAY_CLOSED: { http: 503, retry: 'elsewhere', penalty: 0, text: 'the gateway is closing' },
  LEDGER_NONCE_WAITING: { http: 409, retry: 'never', penalty: 0, text: 'another transaction with nonce {nonce} of {signer} waits already' },
  LEDGER_BUSY: { http: 503, retry: 'later', penalty: 0, text: 'the ledger is busy: {detail}' },
  LEDGER_STOPPED: { http: 503, retry: 'elsewhere', penalty: 0, text: 'the ledger has stopped: {detail}' },
  LEDGER_PRUNED: { http: 410, retry: 'elsewhere', penalty: 0, text: 'block {height} is no longer kept, the oldest is {oldest}' },
  LEDGER_OTHER_NETWORK: {
    http: 500,
    retry: 'never',
    penalty: 0,
    text: 'the folder holds the network with genesis {found}, this node is of {expected}',
    exit: 78,
  },
  LEDGER_ROOT_MISMATCH: {
    http: 500,
    retry: 'never',
    penalty: 0,
    text: 'executing block {height} again gives state root {found}, the block says {expected}',
    exit: 70,
  },
  LEDGER_ORDERER: { http: 500, retry: 'never', penalty: 0, text: 'the key {found} is not the orderer of this genesis', exit: 78 },
  STORE_CORRUPT: {
    http: 500,
    retry: 'never',
    penalty: 0,
    text: '{file} is damaged at {where}: {detail}. Nothing was changed. Put a copy of the folder back, or set it aside and begin anew: mv {folder} {folder}.damaged',
    exit: 70,
  },
  STORE_FAILED: { http: 503, retry: 'never', penalty: 0, text: 'the disk failed at {file}: {detail}', exit: 74 },
  STORE_FULL: { http: 503, retry: 'later', penalty: 0, text: 'the disk that holds {folder} is full' },
  STORE_LOCKED: { http: 503, retry: 'never', penalty: 0, text: 'the folder {folder} is in use by another process', exit: 78 },
  STORE_VERSION: {
    http: 500,
    retry: 'never',
    penalty: 0,
    text: '{file} has format {found}, this version knows {known}: use the version that wrote it',
    exit: 78,
  },
  STORE_ORDER: { http: 500, retry: 'never', penalty: 0, text: 'height {height} does not follow what is stored: {detail}' },
  STORE_CLOSED: { http: 503, retry: 'elsewhere', penalty: 0, text: '{file} is closed' },
  STORE_BUSY: { http: 503, retry: 'later', penalty: 0, text: 'too many writes wait for {file}' },
  STORE_LIMIT: { http: 400, retry: 'never', penalty: 0, text: 'a record exceeds a limit: {detail}' },
} as const satisfies Record<string, ErrorRow>

export type ErrorCode = keyof typeof errors
type Data = Readonly<Record<string, string | number | bigint | boolean>>

const row = (code: ErrorCode): ErrorRow => errors[code]

/** The text of a code with its data filled in; a name without data stays as `{name}`. */
export const errorText = (code: ErrorCode, data: Data): string =>
  row(code).text.replace(/\{(\w+)\}/g, (whole, name: string) => (name in data ? String(data[name]) : whole))

/** The only error this program throws on purpose. Callers match `code`, never the text; `data` never holds a secret. */
export class NodeError extends Error {
  readonly code: ErrorCode
  readonly data: Data

  constructor(code: ErrorCode, data: Data = {}, options?: { cause?: unknown }) {
    super(errorText(code, data), options)
    this.name = 'NodeError'
    this.code = code
    this.data = data
  }

  get row(): ErrorRow {
    return row(this.code)
  }
}

export const isErrorCode = (code: string): code is ErrorCode => Object.hasOwn(errors, code)
