/** The addon as `npm run build:addon` generates it from crates/addon. Do not edit. */
/* eslint-disable */

/**
 * Which binding artifact the generated loader actually loaded: `'native'` for
 * a native addon, otherwise the `platformArchABI` of the WASI flavor. Every
 * flavor napi-rs can build is listed, because `NAPI_RS_NATIVE_LIBRARY_PATH`
 * can point the loader at a WASI artifact this package does not build itself.
 */
export declare const __napiBindingTarget: 'native' | 'wasm32-wasi' | 'wasm32-wasip1'

/** The handle of one long job: pass it to an async export, then cancel it or read its progress. */
export declare class Job {
  constructor()
  /** Asks the work to stop; its promise then rejects with `NATIVE_CANCELLED`. */
  cancel(): void
  /** Units done so far (hashes, steps, ...). */
  get done(): number
  /** Units in all; 0 while unknown. */
  get total(): number
}

/** Numbers that the addon holds for products: copied once, then never changed. */
export declare class NativeFactor {
  /** `values` as `dtype` (`f32`, `f16`, `bf16` or `int8`) stores them. */
  constructor(dtype: string, values: Float32Array | Uint16Array | Int8Array)
  /** A copy of the numbers. */
  values(): Float32Array | Uint16Array | Int8Array
  /** Gives the memory back as soon as no product reads it any more; the factor is of no use then. */
  release(): void
}

export declare class NativeModel {
  constructor(spec: NativeModelSpec, seed: bigint)
  get parameters(): number
  setText(text: Uint8Array): Promise<void>
  predict(contexts: Array<Uint8Array>, from: Array<number>, job: Job): Promise<Uint8Array[]>
  train(slice: NativeSlice, job: Job): Promise<NativeTrainReport>
  root(): Promise<Uint8Array>
  save(weightsOnly: boolean): Promise<Uint8Array>
  load(checkpoint: Uint8Array): Promise<void>
  open(): NativeStream
}

export declare class NativeStream {
  extend(position: number, bytes: Uint8Array, want: number): Promise<Uint8Array>
  /**
   * `extend` on the thread that calls, where there is little to do: null where there may be more, and while another call
   * is under way.
   */
  extendNow(position: number, bytes: Uint8Array, want: number): Uint8Array | null
  /** Lets go of the cache. */
  close(): void
}

/** A search for a nonce, which can be pointed at another challenge while it runs. */
export declare class PowSearch {
  constructor(blockHash: Uint8Array, hotkey: Uint8Array, task: PowTask)
  /** Goes on with another challenge; false when the search is over, or about to be. */
  replace(blockHash: Uint8Array, hotkey: Uint8Array, task: PowTask): boolean
}

/** Scores one epoch, bit-exact. */
export declare function consensusEpoch(input: ConsensusInput): ConsensusOutput

export interface ConsensusInput {
  stake: BigUint64Array
  weights: ConsensusRows
  bonds: ConsensusRows
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

export interface ConsensusOutput {
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
  bonds: ConsensusRows
}

/** Sparse rows in compressed form: row i holds entries offsets[i]..offsets[i+1]. */
export interface ConsensusRows {
  offsets: Uint32Array
  uids: Uint16Array
  values: Uint16Array
}

/** What one variant changes: row k of `rows` replaces the weights of uid `uids[k]`. */
export interface ConsensusVariant {
  stake?: BigUint64Array
  uids?: Uint16Array
  rows?: ConsensusRows
  kappa?: number
  bondsMovingAverage?: bigint
}

/** Scores variants of an input: the outputs in order, as far as `depth` says (0 scores, 1 rewards, 2 bonds). */
export declare function consensusWhatIf(job: Job, input: ConsensusInput, variants: Array<ConsensusVariant>, depth: number): Promise<Array<ConsensusOutput>>

export declare function fallbackArtefact(texts: Array<Uint8Array>, job: Job): Promise<Uint8Array>

/** Checks a reveal against its commit. */
export declare function mixtureCheckReveal(input: MixtureReveal): MixtureVerdict

export interface MixtureClaim {
  queryId: Uint8Array
  hotkey: Uint8Array
  leaves: Uint8Array
  claims: Uint16Array
  salt: Uint8Array
}

/** u16 claim of each position. */
export declare function mixtureClaims(leaves: Uint8Array, text: Uint8Array): Uint16Array

/** Root of the visible leaves, and the commit that binds them. */
export declare function mixtureCommit(input: MixtureClaim): MixtureCommit

export interface MixtureCommit {
  root: Uint8Array
  commit: Uint8Array
}

/**
 * Decoded, mixed probabilities of n leaves, into n·256 numbers. Rows are eight times their leaves: memory that JavaScript
 * keeps is not taken, cleared and collected anew with every call, which costs several times the decoding.
 */
export declare function mixtureDecode(leaves: Uint8Array, into: Float64Array): void

/** Leaf codes of n·256 natural-log probabilities. */
export declare function mixtureEncode(lnProbabilities: Float32Array): Uint8Array

export interface MixtureGame {
  length: number
  spans: number
  fallback: Uint16Array
  peers: Array<Uint16Array | undefined | null>
  clusters?: Uint16Array
  independents?: Uint8Array
}

/** Probabilities of n short forms, into n·256 numbers. */
export declare function mixtureNtdDecode(ntds: Uint8Array, fallbackLeaves: Uint8Array, into: Float64Array): void

/** Short form of n leaves. */
export declare function mixtureNtdEncode(leaves: Uint8Array, topP: number, nMax: number): Uint8Array

export interface MixtureOutcome {
  phi: BigInt64Array
  all: number
  none: number
}

/** Opening paths of leaf positions. */
export declare function mixturePaths(leaves: Uint8Array, positions: Uint16Array): Array<Uint8Array>

/** Bits per byte of single players and of mixtures. */
export declare function mixtureReport(game: MixtureGame): MixtureReport

export interface MixtureReport {
  network: number
  uniform: number
  fallback: number
  single: Float64Array
}

export interface MixtureReveal {
  commit: Uint8Array
  queryId: Uint8Array
  hotkey: Uint8Array
  root: Uint8Array
  salt: Uint8Array
  lastLeaf: Uint8Array
  claims: Uint16Array
  span: Uint8Array
  positions: Uint16Array
  leaves: Uint8Array
  paths: Array<Uint8Array>
}

/** Exact Shapley or Owen values of one game. */
export declare function mixtureShapley(game: MixtureGame, job: Job): Promise<MixtureOutcome>

/** v of chosen coalitions. */
export declare function mixtureValues(game: MixtureGame, coalitions: Uint32Array): Float64Array

export interface MixtureVerdict {
  status: 'ok' | 'commit' | 'path' | 'claim' | 'shape'
  lastClaim: number
}

/** One device as `DeviceInfo` of the port has it. */
export interface NativeDevice {
  id: string
  backend: string
  name: string
  memoryBytes?: number
  driver?: string
  features: Array<string>
  reason?: string
}

/** What `ModelSpec` of the port is on this side; which fields must be there depends on `kind`. */
export interface NativeModelSpec {
  kind: string
  order?: number
  matching?: boolean
  artefact?: Uint8Array
  embedding?: number
  width?: number
  layers?: number
  heads?: number
  context?: number
  exact?: boolean
}

/** `MatmulShape` of the port without its defaults; `threads` 0 stands for all cores. */
export interface NativeProduct {
  batch: number
  m: number
  k: number
  n: number
  transposeA: boolean
  transposeB: boolean
  exact: boolean
  threads: number
}

/** One slice of training. */
export interface NativeSlice {
  steps: number
  budgetMs: number
  totalSteps: number
}

/** What a slice did. */
export interface NativeTrainReport {
  steps: number
  bytes: number
  loss: number
  seconds: number
}

export interface PowAnswer {
  nonce: bigint
  seal: Uint8Array
  hashes: number
  seconds: number
}

/** Names of the solvers this machine can run, fastest first. */
export declare function powBackends(): Array<string>

/** The first 8 bytes of the seals of `count` nonces from `start` on, as big-endian numbers. */
export declare function powHeads(blockHash: Uint8Array, hotkey: Uint8Array, start: bigint, count: number, name?: string | undefined | null): BigUint64Array

/**
 * Runs a search, once, until a seal meets the difficulty: on `threads` threads (absent: one per core), thread i with
 * backend i modulo their number (none: the fastest).
 */
export declare function powRun(job: Job, search: PowSearch, backends: Array<string>, threads?: number | undefined | null): Promise<PowAnswer>

/** The seal of one nonce, 32 bytes. */
export declare function powSeal(blockHash: Uint8Array, hotkey: Uint8Array, nonce: bigint): Uint8Array

export interface PowTask {
  difficulty: bigint
  start: bigint
  /** Nonces after which the search gives up. */
  count: bigint
}

export interface PowVerdicts {
  seals: Uint8Array
  meets: Uint8Array
}

/** Seals of n entries and whether each meets its difficulty. */
export declare function powVerify(blockHashes: Uint8Array, hotkeys: Uint8Array, nonces: BigUint64Array, difficulties: BigUint64Array): PowVerdicts

/** The 32-byte child mini-secret of a mini-secret (32 bytes) or a secret (64 bytes). */
export declare function signatureDeriveHard(secretBytes: Uint8Array, chainCode: Uint8Array): Uint8Array

/** The 64-byte child secret of a 64-byte secret. */
export declare function signatureDeriveSoft(secretBytes: Uint8Array, chainCode: Uint8Array): Uint8Array

/** The key pair of a 64-byte secret. */
export declare function signatureFromSecret(schemeNumber: number, secretBytes: Uint8Array): SignatureKeyPair

/** The key pair of a 32-byte seed. */
export declare function signatureKeyPair(schemeNumber: number, seed: Uint8Array): SignatureKeyPair

export interface SignatureKeyPair {
  publicKey: Uint8Array
  secret: Uint8Array
}

/** A 64-byte signature over raw bytes. */
export declare function signatureSign(schemeNumber: number, secretBytes: Uint8Array, message: Uint8Array): Uint8Array

/** Whether the signature is valid. */
export declare function signatureVerify(schemeNumber: number, publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean

/**
 * One byte per item, 1 where it is valid. Columns of n items: one byte per scheme, 32 per key, 64 per signature, and
 * the messages one after the other, `ends` saying where each ends.
 */
export declare function signatureVerifyBatch(schemes: Uint8Array, publicKeys: Uint8Array, messages: Uint8Array, ends: Uint32Array, signatures: Uint8Array): Uint8Array

export declare function tensorDevices(): Promise<NativeDevice[]>

/** C = A·B of the bits of bf16, f32 sums. */
export declare function tensorMatmulBf16(a: Uint16Array, b: Uint16Array, product: NativeProduct, job: Job): Promise<Float32Array | Int32Array> | Float32Array | Int32Array

/** C = A·B of the bits of f16, f32 sums. */
export declare function tensorMatmulF16(a: Uint16Array, b: Uint16Array, product: NativeProduct, job: Job): Promise<Float32Array | Int32Array> | Float32Array | Int32Array

/** C = A·B of f32. */
export declare function tensorMatmulF32(a: Float32Array, b: Float32Array, product: NativeProduct, job: Job): Promise<Float32Array | Int32Array> | Float32Array | Int32Array

/** C = A·B of factors that the addon holds, both of one dtype. */
export declare function tensorMatmulHeld(a: NativeFactor, b: NativeFactor, product: NativeProduct, job: Job): Promise<Float32Array | Int32Array> | Float32Array | Int32Array

/** C = A·B of int8, exact i32 sums. */
export declare function tensorMatmulInt8(a: Int8Array, b: Int8Array, product: NativeProduct, job: Job): Promise<Float32Array | Int32Array> | Float32Array | Int32Array
