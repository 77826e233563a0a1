/**
 * The native functions, as every room sees them. Filled by the addon (`native/addon.ts`) and, where practical, by an
 * exact TypeScript twin (`native/reference/`). Batches in, typed arrays out; all throw `NodeError`.
 */

/** Options of every call that can take longer than ~20 ms; those run off the JavaScript thread. */
export interface LongCall {
  signal?: AbortSignal | undefined
  /** Called about ten times a second with units done and in all (0 = unknown). */
  onProgress?: ((done: number, total: number) => void) | undefined
  /** Called when a device that was named is lost, resting or wrong, with the reason: the CPU does its job. */
  onFallback?: ((reason: string) => void) | undefined
  /** Called with the time that a device itself worked, without copies to and from it; the CPU does not tell. */
  onDeviceSeconds?: ((seconds: number) => void) | undefined
}

// ---------------------------------------------------------------------------------------------- proof of work
export interface PowCompute {
  /** Names of the solvers this machine can run, fastest first, e.g. `avx512`, `avx2`, `portable`. */
  backends(): string[]
  /** seal = keccak256(sha256(nonce u64 LE ‖ keccak256(blockHash ‖ hotkey))), 32 bytes. Keys are 32 bytes each. */
  seal(blockHash: Uint8Array, hotkey: Uint8Array, nonce: bigint): Uint8Array
  /** For n entries (`blockHashes`, `hotkeys` 32·n bytes): the seals (32·n bytes) and whether seal·difficulty < 2²⁵⁶ (n bytes, 0 or 1). */
  verify(batch: { blockHashes: Uint8Array; hotkeys: Uint8Array; nonces: BigUint64Array; difficulties: BigUint64Array }): {
    seals: Uint8Array
    meets: Uint8Array
  }
  /** The first 8 bytes, as a big-endian number, of the seals of `count` nonces from `start` on (wraps around): what a search compares. */
  heads(challenge: PowChallenge): BigUint64Array
  /** Searches nonces from `start` (default: random) until a seal meets `difficulty`. Progress counts hashes. Cancels within 50 ms. */
  solve(challenge: PowChallenge, options?: PowOptions): Promise<PowSolution>
  /** The same as a search that can be pointed at a newer block while it runs. */
  search(challenge: PowChallenge, options?: PowOptions): PowSearch
}
export interface PowChallenge {
  blockHash: Uint8Array
  hotkey: Uint8Array
  difficulty: bigint
  /** Threads of the CPU. */
  threads?: number
  /** A name of `backends()`, the id of a GPU, or `all`: every device at once. Default: the fastest of the CPU. */
  backend?: string
  start?: bigint
  /** After so many nonces the search gives up with POW_EXHAUSTED. Default: practically never. */
  count?: bigint
}
export interface PowSolution {
  nonce: bigint
  seal: Uint8Array
  hashes: number
  seconds: number
}
export interface PowOptions extends LongCall {
  /** Called about ten times a second. */
  onPace?: ((pace: PowPace) => void) | undefined
}
export interface PowPace {
  hashes: number
  /** Over the last two seconds. */
  hashesPerSecond: number
  /** How long a search of this difficulty takes at that rate on average, whatever was tried already; null before a rate is known. */
  expectedSeconds: number | null
}
export interface PowSearch {
  /** Resolves with the solution and the challenge that it solves. */
  result: Promise<PowSolution & { challenge: PowChallenge }>
  /** Goes on with another challenge (on the same threads and backend); false when the search is over, or about to be. */
  replace(challenge: PowChallenge): boolean
  /** `result` then rejects with NATIVE_CANCELLED within 50 ms. */
  cancel(): void
}

// ---------------------------------------------------------------------------------------------- signatures
export type Scheme = 'sr25519' | 'ed25519'
export interface SignatureCompute {
  /** Key pair of a 32-byte (mini-)secret seed. `secret` is 64 bytes, scheme-specific, to be wiped by its holder. */
  keyPair(scheme: Scheme, seed: Uint8Array): { publicKey: Uint8Array; secret: Uint8Array }
  /** Key pair of a 64-byte secret as `keyPair` returns it. */
  fromSecret(scheme: Scheme, secret: Uint8Array): { publicKey: Uint8Array; secret: Uint8Array }
  /** sr25519 child by a 32-byte chain code: `hard` on the mini-secret (then `secret` is its 32 bytes), `soft` on a 64-byte secret. */
  derive(kind: 'hard' | 'soft', secret: Uint8Array, chainCode: Uint8Array): Uint8Array
  /** 64-byte signature; sr25519 in the signing context `substrate`. */
  sign(scheme: Scheme, secret: Uint8Array, message: Uint8Array): Uint8Array
  /** Strict: no malleable, non-canonical, small-order or all-zero key passes, nor a message in `<Bytes>` form. */
  verify(scheme: Scheme, publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean
  /** One byte, 0 or 1, per item; accepts exactly what `verify` accepts. */
  verifyBatch(items: readonly SignedItem[]): Uint8Array
}
export interface SignedItem {
  scheme: Scheme
  publicKey: Uint8Array
  message: Uint8Array
  signature: Uint8Array
}

// ---------------------------------------------------------------------------------------------- consensus
/** Sparse rows in compressed form: row i holds entries offsets[i]..offsets[i+1]; uids strictly increase in a row. */
export interface SparseRows {
  offsets: Uint32Array
  uids: Uint16Array
  values: Uint16Array
}
/** Inputs of consensus-scoring.md, same names; all per-uid arrays have n entries. */
export interface EpochInput {
  n: number
  stake: BigUint64Array
  weights: SparseRows
  bonds: SparseRows
  lastUpdate: BigUint64Array
  blockAtRegistration: BigUint64Array
  validatorPermit: Uint8Array
  block: bigint
  activityCutoff: number
  kappa: number
  bondsMovingAverage: bigint
  maxAllowedValidators: number
  emission: bigint
}
/** Outputs of consensus-scoring.md, same names. */
export interface EpochOutput {
  rank: Uint16Array
  trust: Uint16Array
  consensus: Uint16Array
  incentive: Uint16Array
  dividends: Uint16Array
  validatorTrust: Uint16Array
  pruningScores: Uint16Array
  emission: BigUint64Array
  serverEmission: BigUint64Array
  validatorEmission: BigUint64Array
  active: Uint8Array
  validatorPermit: Uint8Array
  bonds: SparseRows
}
/** What a variant of an epoch's input changes; what it leaves out stays. */
export interface EpochVariant {
  stake?: BigUint64Array
  /** Row k of `rows` replaces the weights of uid `uids[k]`; of two for one uid the later counts. */
  weights?: { uids: Uint16Array; rows: SparseRows }
  kappa?: number
  bondsMovingAverage?: bigint
}
export interface ConsensusCompute {
  /** One epoch, bit-exact, synchronous: for the ledger's state. @throws CONSENSUS_INPUT_* for what the definition refuses */
  epoch(input: EpochInput): EpochOutput
  /**
   * Every variant as the epoch of the input rebuilt with it, in order, off this thread; of each only `fields`, or all. The
   * fewer steps the fields need, the faster. Progress counts variants.
   * @throws CONSENSUS_INPUT_* for what an epoch refuses, and _TOO_LARGE for over 65,536 variants or 1 GiB of outputs
   */
  whatIf<F extends keyof EpochOutput = keyof EpochOutput>(
    input: EpochInput,
    variants: readonly EpochVariant[],
    options?: LongCall & { fields?: readonly F[] },
  ): Promise<Pick<EpochOutput, F>[]>
}

// ---------------------------------------------------------------------------------------------- mixture
/** Bytes of one leaf: a code for each of the 256 possible next bytes (mixture.md 2.1). */
export const LEAF_BYTES = 256
/** Leaves of one call: four of the longest spans. */
export const LEAVES_MAX = 16_384
export interface MixtureCompute {
  /** u16 claim of each position: ⌊4096·(−ln p)+½⌋ of the decoded, mixed p of `text[t]`. leaves: T·256 bytes, text: T bytes. */
  claims(leaves: Uint8Array, text: Uint8Array): Uint16Array
  /**
   * The decoded, mixed probabilities of n leaves: Float64Array(n·256), each row sums to 1. Whoever decodes much keeps such an
   * array and gives it as `into`, for the result to be written there and returned.
   */
  decode(leaves: Uint8Array, into?: Float64Array): Float64Array
  /** Leaf codes of n·256 natural-log probabilities (normalised or not; rows are normalised first). */
  encode(lnProbabilities: Float32Array): Uint8Array
  /** Merkle root over the first T-1 leaves (2.2) of T·256 leaf bytes, and commit = KDF[claim](…). `claims` holds the T-1 visible claims. */
  commit(input: ClaimInput): { root: Uint8Array; commit: Uint8Array }
  /**
   * Opening paths of leaf `positions` in the tree over `leaves`, the T-1 visible ones: for each, the sibling hashes from
   * leaf to root, 32 bytes each, concatenated.
   */
  paths(leaves: Uint8Array, positions: Uint16Array): Uint8Array[]
  /**
   * Checks a Reveal against its Commit (6.1 step 6): commit hash, every path, every opened leaf decodes to its claim.
   * @returns 'ok', or what is wrong first: 'shape', 'commit', 'path', 'claim'; `lastClaim` is the claim of the sealed byte
   * @throws MIXTURE_ARGUMENT for what is the validator's own and no fault of the peer: query id, hotkey, span, positions
   */
  checkReveal(reveal: RevealInput): { status: 'ok' | 'commit' | 'path' | 'claim' | 'shape'; lastClaim: number }
  /** Exact Shapley values of one scoring step (4.1), or the Owen form where `clusters` groups peers (5.3). Runs natively off-thread. */
  shapley(game: GameInput, options?: LongCall): Promise<GameOutput>
  /** v (4.1), in bits per byte, of coalitions of all peers, bit i being peer i: what followers are paid by (5.4, 5.5). At most 1,024. */
  values(game: GameInput, coalitions: Uint32Array): Float64Array
  /** bits/byte of single players and of mixtures over given claims, for reports: see `MixtureReport`. */
  report(game: GameInput): MixtureReport
  /** NTD form (2.3) of n leaves, concatenated; `topP` in (0, 1], `nMax` 1..64. */
  ntdEncode(leaves: Uint8Array, topP: number, nMax: number): Uint8Array
  /**
   * Probabilities Float64Array(n·256) of n NTDs, residual spread by the fallback's leaves (n·256 bytes); `into` as for `decode`,
   * untouched when the call fails. @throws MIXTURE_NTD_MALFORMED
   */
  ntdDecode(ntds: Uint8Array, fallbackLeaves: Uint8Array, into?: Float64Array): Float64Array
}
export interface ClaimInput {
  queryId: Uint8Array
  hotkey: Uint8Array
  leaves: Uint8Array
  claims: Uint16Array
  salt: Uint8Array
}
export interface RevealInput {
  commit: Uint8Array
  queryId: Uint8Array
  hotkey: Uint8Array
  root: Uint8Array
  salt: Uint8Array
  lastLeaf: Uint8Array
  /** The T-1 visible claims as the miner states them. */
  claims: Uint16Array
  /** The span's T bytes; the last one was never sent. */
  span: Uint8Array
  /** Positions that were asked for, in order; the reveal must open exactly these. */
  positions: Uint16Array
  leaves: Uint8Array
  paths: Uint8Array[]
}
export interface GameInput {
  /**
   * Positions per span (the posterior restarts with each) and spans: claims rows have length·spans entries, a multiple of
   * 16, at most 65,536.
   */
  length: number
  spans: number
  /** Claims of the fallback, expert 0. */
  fallback: Uint16Array
  /** Claims of each player; null where the peer failed in this step (W = N = 0, φ = 0). */
  peers: (Uint16Array | null)[]
  /** Cluster number of each player; absent = every player alone. Only which players share one matters. */
  clusters?: Uint16Array | undefined
  /** 1 for each player that plays (5.2), 0 for a follower, whose φ is 0 here; absent = all play. */
  independents?: Uint8Array | undefined
}
export interface GameOutput {
  /** Per player, i64: round half to even of φ·2³² bits per byte. */
  phi: BigInt64Array
  /** v(N) and v(∅) in bits per byte (≤ 0). */
  all: number
  none: number
}
export interface MixtureReport {
  /** bits/byte: posterior mixture of all and the fallback; mean of all probabilities; the fallback alone; each player alone (NaN = failed). */
  network: number
  uniform: number
  fallback: number
  single: Float64Array
}

// ---------------------------------------------------------------------------------------------- experts
/** `exact`: the same bits on every CPU (native.md, Tensors), at about a third of the speed. */
export type ModelSpec =
  | { kind: 'order'; order: number; match: boolean }
  /** `device`: the id of a GPU that trains it (default `cpu`); all else is done on the CPU. Not with `exact`. */
  | { kind: 'transformer'; width: number; layers: number; heads: number; context: number; exact?: boolean; device?: string }
  | { kind: 'gru'; embedding: number; width: number; context: number; exact?: boolean; device?: string }
  /** The public fallback p0 (2.5), from its artefact. */
  | { kind: 'fallback'; artefact: Uint8Array }

export interface TrainReport {
  steps: number
  bytes: number
  /** Mean training loss of these bytes, bits per byte. */
  loss: number
  seconds: number
}
/** A native model. `predict` and streams may run while `train` runs; they see the weights of the last finished step. */
export interface Model {
  readonly kind: ModelSpec['kind']
  readonly parameters: number
  /** Text it trains on (order-k: the text it counts), copied once; a second call replaces it. */
  setText(text: Uint8Array): Promise<void>
  /**
   * Trains until `steps` more steps are done or `budgetMs` is over. `totalSteps` shapes the rate schedule. Low priority.
   * A step may spread over slices: the shortest slice processes a part of a batch, and reports 0 steps until one is done.
   * A device finishes the step that the budget ends in; a slice that it loses, or gets wrong, is trained on the CPU, and
   * one that is cancelled there leaves the model as it was.
   * @throws NodeError GPU_UNAVAILABLE where the machine has no such device
   */
  train(slice: { steps: number; budgetMs: number; totalSteps: number }, options?: LongCall): Promise<TrainReport>
  /** For each context c and its `from`: leaf codes of positions from..c.length (byte t given c_<t): (c.length-from+1)·256 bytes. */
  predict(contexts: readonly Uint8Array[], from: readonly number[], options?: LongCall): Promise<Uint8Array[]>
  /** An incremental stream with its cache. */
  open(): ModelStream
  /** BLAKE3 Merkle root over 64 KiB leaves of the tensors in canonical order (mixture.md 1); zero where there are none. */
  root(): Promise<Uint8Array>
  /** Checkpoint as safetensors bytes, and back (spec must match). Without the optimiser's state a loaded model trains from step 0. */
  save(options?: { weightsOnly?: boolean }): Promise<Uint8Array>
  load(checkpoint: Uint8Array): Promise<void>
}
export interface ModelStream {
  /** Rewinds to `position` (≤ its length), appends `bytes`, returns leaves of the last `want` positions: want·256 bytes, the last being the next byte. */
  extend(position: number, bytes: Uint8Array, want: number): Promise<Uint8Array>
  close(): void
}
export interface ExpertCompute {
  model(spec: ModelSpec, seed: bigint): Model
  /** Counts the public fallback's artefact (2.5) over all training texts. */
  fallbackArtefact(texts: readonly Uint8Array[], options?: LongCall): Promise<Uint8Array>
}

// ---------------------------------------------------------------------------------------------- tensors
export interface DeviceInfo {
  /** What calls name it by: `cpu`, `cuda:0`, `wgpu:0`, ... */
  id: string
  /** `fake`: computes on the CPU, for tests. */
  backend: 'cpu' | 'cuda' | 'wgpu' | 'fake'
  name: string
  memoryBytes: number | null
  driver: string | null
  features: string[]
  usable: boolean
  /** Why it cannot be used; null when it can. */
  reason: string | null
}
/** Elements of the factors: f16 and bf16 as the 16 bits of each number, int8 signed. */
export interface Factors {
  f32: Float32Array
  f16: Uint16Array
  bf16: Uint16Array
  int8: Int8Array
}
/** Elements of the product: floating-point sums are f32, whole numbers exact. */
export interface Products {
  f32: Float32Array<ArrayBuffer>
  f16: Float32Array<ArrayBuffer>
  bf16: Float32Array<ArrayBuffer>
  int8: Int32Array<ArrayBuffer>
}
export type Dtype = keyof Factors
export interface MatmulShape<D extends Dtype = 'f32'> {
  m: number
  k: number
  n: number
  /** Products in one call, one after another in memory; default 1. */
  batch?: number | undefined
  /** A is stored as [batch, k, m]. */
  transposeA?: boolean | undefined
  /** B is stored as [batch, n, k]. */
  transposeB?: boolean | undefined
  /** Default `f32`. */
  dtype?: D | undefined
  /** The same bits on every CPU (native.md, Tensors); int8 is exact in any case. Only on the CPU. */
  exact?: boolean | undefined
  /** A device's `id`; default `cpu`. */
  device?: string | undefined
  /** Threads of the CPU; default all cores. The bits do not depend on it. */
  threads?: number | undefined
}
/** A factor whose numbers lie in memory of the addon's own: copied once, read by any number of products, never changed. */
export interface HeldFactor<D extends Dtype = Dtype> {
  readonly dtype: D
  /** Numbers. */
  readonly length: number
  /** A copy of them. @throws NATIVE_ARGUMENT once released */
  values(): Factors[D]
  /** Gives the memory back at once, or when the products that read it are done; otherwise it goes with the object. */
  release(): void
}
export interface TensorCompute {
  devices(): Promise<DeviceInfo[]>
  /**
   * Keeps a factor of several products, or one that is large: `matmul` copies any other for each of them, so that whoever made it
   * may change it. @throws NATIVE_ARGUMENT for other types, TENSOR_SHAPE for more numbers than a product has
   */
  hold<D extends Dtype>(values: Factors[D], dtype: D): HeldFactor<D>
  /**
   * C = A·B, row-major and without gaps: A is [batch, m, k], B [batch, k, n], C [batch, m, n]; what is transposed is stored so.
   * Where a size is zero the result is empty or zero. Fast modes have the same bits on one machine. The memory of a product serves
   * later ones once it is collected; whoever multiplies often gives it back at once by `c.buffer.transfer(0)`, which empties `c`.
   * @throws TENSOR_SHAPE when sizes do not fit or exceed limits; NATIVE_ARGUMENT for other types, or a factor released; TENSOR_DEVICE where the device cannot do it
   */
  matmul<D extends Dtype = 'f32'>(
    a: Factors[D] | HeldFactor<D>,
    b: Factors[D] | HeldFactor<D>,
    shape: MatmulShape<D>,
    options?: LongCall,
  ): Promise<Products[D]>
}

export interface Compute {
  pow: PowCompute
  signature: SignatureCompute
  consensus: ConsensusCompute
  mixture: MixtureCompute
  expert: ExpertCompute
  tensor: TensorCompute
}
