/** One small right call of everything that the addon exports, for tests that call each of them very often. */
import { createRequire } from 'node:module'
import type * as Addon from '../../src/native/binding.js'

export type Binding = typeof Addon
export const binding = createRequire(import.meta.url)('../../src/native/binding.js') as Binding

const held = new Set<Addon.Job>()

const key = new Uint8Array(32).fill(3)
const leaves = new Uint8Array(4 * 256).map((_, i) => (i * 31) % 199)
const rows = new Float64Array(4 * 256)
const span = Uint8Array.of(1, 2, 3, 4)
const text = new Uint8Array(600).map((_, i) => 97 + ((i * i) % 13))
const product = { batch: 1, m: 3, k: 5, n: 4, transposeA: false, transposeB: true, exact: false, threads: 1 }
const game = {
  length: 16,
  spans: 1,
  fallback: new Uint16Array(16).fill(9_000),
  peers: [new Uint16Array(16).fill(5_000), null, new Uint16Array(16).fill(7_000)],
}
const empty = { offsets: new Uint32Array(5), uids: new Uint16Array(), values: new Uint16Array() }
const epoch = {
  stake: BigUint64Array.of(4n, 3n, 2n, 1n),
  weights: { offsets: Uint32Array.of(0, 2, 4, 4, 4), uids: Uint16Array.of(2, 3, 2, 3), values: Uint16Array.of(1, 2, 3, 4) },
  bonds: empty,
  lastUpdate: new BigUint64Array(4).fill(5n),
  blockAtRegistration: new BigUint64Array(4),
  validatorPermit: Uint8Array.of(1, 1, 0, 0),
  block: 6n,
  activityCutoff: 100,
  kappa: 32_767,
  bondsMovingAverage: 900_000n,
  maxAllowedValidators: 2,
  emission: 1_000n,
}

/** Holds the handle of a job until its work is done, as `long` of src/native/errors.ts does: one that is collected cancels. */
async function kept<T>(work: (job: Addon.Job) => Promise<T> | T): Promise<T> {
  const job = new binding.Job()
  held.add(job)
  try {
    return await work(job)
  } finally {
    held.delete(job)
  }
}

/** By export, methods as `Class.method`. Each gives a promise or a value; none may keep anything. */
export function addonCalls(): Record<string, () => unknown> {
  const b = binding
  const pair = b.signatureKeyPair(1, key)
  const claims = b.mixtureClaims(leaves, span).slice(0, 3)
  const claim = { queryId: new Uint8Array(16), hotkey: key, leaves, claims, salt: key }
  const { root, commit } = b.mixtureCommit(claim)
  const visible = leaves.subarray(0, 3 * 256)
  const reveal = {
    ...claim,
    commit,
    root,
    lastLeaf: leaves.subarray(3 * 256),
    span,
    positions: Uint16Array.of(1),
    leaves: leaves.subarray(256, 512),
    paths: b.mixturePaths(visible, Uint16Array.of(1)),
  }
  const short = b.mixtureNtdEncode(leaves, 0.9, 8)
  const signed = b.signatureSign(1, pair.secret, span)
  const factor = new b.NativeFactor('f32', new Float32Array(20))
  const order = new b.NativeModel({ kind: 'order', order: 3, matching: true }, 1n)
  const gru = new b.NativeModel({ kind: 'gru', embedding: 16, width: 16, context: 16 }, 1n)
  const ready = Promise.all([order.setText(text), gru.setText(text)])
  const checkpoint = ready.then(async () => await gru.save(true))
  const stream = order.open()
  const task = { difficulty: 1n, start: 0n, count: 64n }
  const seals = new b.PowSearch(key, key, task)
  return {
    Job: () => new b.Job().cancel(),
    NativeFactor: () => new b.NativeFactor('int8', new Int8Array(15)).release(),
    'NativeFactor.values': () => factor.values(),
    'NativeFactor.release': () => new b.NativeFactor('f32', new Float32Array(15)).release(),
    NativeModel: () => new b.NativeModel({ kind: 'order', order: 2, matching: false }, 1n).parameters,
    'NativeModel.setText': () => order.setText(text),
    'NativeModel.predict': () => kept((job) => order.predict([span], [3], job)),
    'NativeModel.train': () => kept((job) => gru.train({ steps: 1, budgetMs: 1, totalSteps: 100 }, job)),
    'NativeModel.root': () => gru.root(),
    'NativeModel.save': () => gru.save(true),
    'NativeModel.load': async () => await gru.load(await checkpoint),
    'NativeModel.open': () => order.open().close(),
    NativeStream: () => order.open(),
    'NativeStream.extend': () => stream.extend(0, span, 1),
    'NativeStream.extendNow': () => stream.extendNow(0, span, 1),
    'NativeStream.close': () => order.open().close(),
    consensusEpoch: () => b.consensusEpoch(epoch),
    consensusWhatIf: () => kept((job) => b.consensusWhatIf(job, epoch, [{ kappa: 9 }, { stake: epoch.stake }], 2)),
    fallbackArtefact: () => kept((job) => b.fallbackArtefact([text], job)),
    mixtureCheckReveal: () => b.mixtureCheckReveal(reveal),
    mixtureClaims: () => b.mixtureClaims(leaves, span),
    mixtureCommit: () => b.mixtureCommit(claim),
    mixtureDecode: () => b.mixtureDecode(leaves, rows),
    mixtureEncode: () => b.mixtureEncode(new Float32Array(256).fill(-5)),
    mixtureNtdDecode: () => b.mixtureNtdDecode(short, leaves, rows),
    mixtureNtdEncode: () => b.mixtureNtdEncode(leaves, 0.9, 8),
    mixturePaths: () => b.mixturePaths(visible, Uint16Array.of(0, 2)),
    mixtureReport: () => b.mixtureReport(game),
    mixtureShapley: () => kept((job) => b.mixtureShapley(game, job)),
    mixtureValues: () => b.mixtureValues(game, Uint32Array.of(0, 5)),
    PowSearch: () => new b.PowSearch(key, key, task),
    'PowSearch.replace': () => seals.replace(key, key, task),
    powBackends: () => b.powBackends(),
    powHeads: () => b.powHeads(key, key, 7n, 20),
    powSeal: () => b.powSeal(key, key, 7n),
    powRun: () => kept((job) => b.powRun(job, new b.PowSearch(key, key, task), [], 1)),
    powVerify: () => b.powVerify(key, key, BigUint64Array.of(1n), BigUint64Array.of(1n)),
    signatureDeriveHard: () => b.signatureDeriveHard(key, key),
    signatureDeriveSoft: () => b.signatureDeriveSoft(b.signatureKeyPair(0, key).secret, key),
    signatureFromSecret: () => b.signatureFromSecret(1, pair.secret),
    signatureKeyPair: () => b.signatureKeyPair(0, key),
    signatureSign: () => b.signatureSign(0, b.signatureKeyPair(0, key).secret, span),
    signatureVerify: () => b.signatureVerify(1, pair.publicKey, span, signed),
    signatureVerifyBatch: () => b.signatureVerifyBatch(Uint8Array.of(1), pair.publicKey, span, Uint32Array.of(4), signed),
    tensorDevices: () => b.tensorDevices(),
    tensorMatmulBf16: () => kept((job) => b.tensorMatmulBf16(new Uint16Array(15), new Uint16Array(20), product, job)),
    tensorMatmulF16: () => kept((job) => b.tensorMatmulF16(new Uint16Array(15), new Uint16Array(20), product, job)),
    tensorMatmulF32: () => kept((job) => b.tensorMatmulF32(new Float32Array(15), new Float32Array(20), product, job)),
    tensorMatmulHeld: () => kept((job) => b.tensorMatmulHeld(factor, factor, { ...product, m: 4, transposeA: true }, job)),
    tensorMatmulInt8: () => kept((job) => b.tensorMatmulInt8(new Int8Array(15), new Int8Array(20), product, job)),
  }
}

/** Everything callable that the addon exports, methods as `Class.method`; accessors and Job's own methods aside. */
export function addonExports(): string[] {
  return Object.entries<unknown>({ ...binding })
    .filter((entry): entry is [string, new () => object] => typeof entry[1] === 'function')
    .flatMap(([name, value]) => {
      const prototype = /^[A-Z]/.test(name) && name !== 'Job' ? Object.getOwnPropertyDescriptors(value.prototype) : {}
      const methods = Object.keys(prototype).filter((key) => key !== 'constructor' && typeof prototype[key]?.value === 'function')
      return [name, ...methods.map((method) => `${name}.${method}`)]
    })
    .sort()
}
