/** What `taumesh bench` measures, by subject. Each checks its answer before the clock starts and throws when it is wrong. */
import { createHash } from 'node:crypto'
import { concat, u64le, utf8 } from '../../protocol/bytes.ts'
import { NodeError } from '../../protocol/errors.ts'
import type { Compute, EpochInput, GameInput } from '../../protocol/ports/compute.ts'
import { metric, time, type BenchOptions, type Metric } from './measure.ts'

export type Subject = 'pow' | 'matmul' | 'consensus' | 'mixture' | 'expert' | 'signature'
type Run = (compute: Compute, options: BenchOptions) => AsyncGenerator<Metric>

/** Reproducible numbers for inputs (xorshift32). */
function numbers(seed: number): (below: number) => number {
  let state = seed
  return (below) => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return (state >>> 0) % below
  }
}
function demand(holds: boolean, what: string): void {
  if (!holds) throw new NodeError('LAB_BENCH_WRONG', { what })
}

async function* pow({ pow: solver }: Compute, { seconds, threads, backend }: BenchOptions): AsyncGenerator<Metric> {
  const [blockHash, hotkey] = [new Uint8Array(32).fill(1), new Uint8Array(32).fill(2)]
  for (const name of backend === undefined ? solver.backends() : [backend]) {
    const easy = await solver.solve({ blockHash, hotkey, difficulty: 1_000n, backend: name, threads })
    const expected = solver.seal(blockHash, hotkey, easy.nonce)
    demand(Buffer.compare(expected, easy.seal) === 0, `the seal of solver ${name}`)
    const rates: number[] = []
    for (let i = 0; i < 3; i++) {
      // A search that practically never ends, stopped by the clock: its progress is the count of hashes.
      const stop = new AbortController()
      let hashes = 0
      const began = performance.now()
      const timer = setTimeout(() => stop.abort(), (seconds * 1_000) / 3)
      let last = began
      await solver
        .solve(
          { blockHash, hotkey, difficulty: 2n ** 63n, backend: name, threads },
          { signal: stop.signal, onProgress: (done) => ((hashes = done), (last = performance.now())) },
        )
        .catch(() => undefined)
      clearTimeout(timer)
      rates.push(hashes / ((last - began) / 1_000))
    }
    const times = rates.map((rate) => 1 / rate).sort((a, b) => a - b)
    yield metric('pow.hashrate', 'H/s', times, 1, { backend: name, threads, checked: true })
  }
  const n = 10_000
  const batch = {
    blockHashes: new Uint8Array(32 * n).fill(1),
    hotkeys: new Uint8Array(32 * n).fill(2),
    nonces: BigUint64Array.from({ length: n }, (_, i) => BigInt(i)),
    difficulties: new BigUint64Array(n).fill(1n),
  }
  demand(
    solver.verify(batch).meets.every((one) => one === 1),
    'the batch of seals',
  )
  yield metric('pow.verify', '1/s', await time(() => solver.verify(batch), seconds / 2), n, { backend: 'cpu', threads: 1, checked: true })
}

async function* matmul({ tensor }: Compute, { seconds, threads }: BenchOptions): AsyncGenerator<Metric> {
  for (const n of [256, 512, 1_024]) {
    const draw = numbers(n)
    const [a, b] = [0, 0].map(() => Float32Array.from({ length: n * n }, () => draw(2_001) / 1_000 - 1)) as [Float32Array, Float32Array]
    const c = await tensor.matmul(a, b, { m: n, k: n, n })
    // Freivalds: C·x against A·(B·x) for a random x of ±1, in binary64.
    const x = Float64Array.from({ length: n }, () => (draw(2) === 0 ? -1 : 1))
    const times = (matrix: Float32Array, vector: Float64Array): Float64Array =>
      Float64Array.from({ length: n }, (_, i) => vector.reduce((sum, value, j) => sum + value * (matrix[i * n + j] ?? 0), 0))
    const [left, right] = [times(c, x), times(a, times(b, x))]
    demand(
      left.every((value, i) => Math.abs(value - (right[i] ?? 0)) < 1e-3 * n),
      `the product of size ${n}`,
    )
    yield metric(`matmul.f32.${n}`, 'FLOP/s', await time(() => tensor.matmul(a, b, { m: n, k: n, n }), seconds / 3), 2 * n ** 3, {
      backend: 'cpu',
      threads,
      checked: true,
    })
  }
}

function epochOf(rows: number, uids: number): EpochInput {
  const draw = numbers(rows * uids)
  const per = uids - 1
  const offsets = Uint32Array.from({ length: uids + 1 }, (_, i) => Math.min(i, rows) * per)
  const entry = (i: number): number => (i % per) + (i % per >= Math.floor(i / per) ? 1 : 0)
  const empty = { offsets: new Uint32Array(uids + 1), uids: new Uint16Array(), values: new Uint16Array() }
  return {
    n: uids,
    stake: BigUint64Array.from({ length: uids }, (_, i) => (i < rows ? BigInt(1_000_000_000 + draw(1_000_000_000)) : 0n)),
    weights: {
      offsets,
      uids: Uint16Array.from({ length: rows * per }, (_, i) => entry(i)),
      values: Uint16Array.from({ length: rows * per }, () => 1 + draw(65_535)),
    },
    bonds: empty,
    lastUpdate: new BigUint64Array(uids).fill(1_000n),
    blockAtRegistration: new BigUint64Array(uids),
    validatorPermit: Uint8Array.from({ length: uids }, (_, i) => (i < rows ? 1 : 0)),
    block: 1_010n,
    activityCutoff: 5_000,
    kappa: 32_767,
    bondsMovingAverage: 900_000n,
    maxAllowedValidators: 4_096,
    emission: 1_000_000_000n,
  }
}

async function* consensus({ consensus: scorer }: Compute, { seconds, threads }: BenchOptions): AsyncGenerator<Metric> {
  for (const [rows, uids] of [
    [256, 256],
    [128, 4_096],
    [4_096, 4_096],
  ] as const) {
    const input = epochOf(rows, uids)
    const { emission, incentive } = scorer.epoch(input)
    const paid = emission.reduce((sum, one) => sum + one, 0n)
    demand(paid <= input.emission && paid >= input.emission - BigInt(uids), `the emission of ${rows}x${uids}`)
    demand(
      incentive.some((one) => one > 0),
      `the incentive of ${rows}x${uids}`,
    )
    yield metric(`consensus.epoch.${rows}x${uids}`, 's', await time(() => scorer.epoch(input), seconds / 3), null, {
      backend: 'cpu',
      threads,
      checked: true,
    })
  }
}

async function* mixture({ mixture: scorer }: Compute, { seconds }: BenchOptions): AsyncGenerator<Metric> {
  const where = { backend: 'cpu', threads: 1, checked: true }
  for (const peers of [8, 12]) {
    const draw = numbers(peers)
    const row = (): Uint16Array => Uint16Array.from({ length: 2_048 }, () => draw(20_000))
    const game: GameInput = { length: 256, spans: 8, fallback: row(), peers: Array.from({ length: peers }, row) }
    const { phi, all, none } = await scorer.shapley(game)
    const sum = Number(phi.reduce((total, one) => total + one, 0n)) / 2 ** 32
    demand(Math.abs(sum - (all - none)) < 1e-6, `the sum of contributions of ${peers} peers`)
    yield metric(`mixture.shapley.${peers}x2048`, 's', await time(() => scorer.shapley(game), seconds / 3), null, where)
  }
  const draw = numbers(3)
  const leaves = Uint8Array.from({ length: 4_096 * 256 }, () => draw(200))
  const decoded = scorer.decode(leaves)
  const first = decoded.subarray(0, 256).reduce((sum, one) => sum + one, 0)
  demand(Math.abs(first - 1) < 1e-9, 'the decoded distribution')
  yield metric('mixture.codec', 'B/s', await time(() => scorer.decode(leaves), seconds / 3), leaves.length, where)
}

async function* expert({ expert: maker }: Compute, { seconds, threads }: BenchOptions): AsyncGenerator<Metric> {
  const where = { backend: 'cpu', threads, checked: true }
  const nano = maker.model({ kind: 'transformer', width: 64, layers: 3, heads: 4, context: 256 }, 1n)
  const text = utf8('the quick brown fox jumps over the lazy dog and runs away; '.repeat(2_000))
  await nano.setText(text)
  const before = await nano.train({ steps: 1, budgetMs: 600_000, totalSteps: 1_000 })
  const losses: number[] = []
  const times = await time(async () => losses.push((await nano.train({ steps: 1, budgetMs: 600_000, totalSteps: 1_000 })).loss), seconds)
  demand((losses.at(-1) ?? Number.NaN) < before.loss, 'training, whose loss did not fall')
  yield metric('expert.train', 'B/s', times, 32 * 256, where)
  const contexts = Array.from({ length: 32 }, (_, i) => text.slice(i, i + 256))
  const leaves = await nano.predict(
    contexts,
    contexts.map(() => 0),
  )
  demand(
    leaves.every((one) => one.length === 257 * 256),
    'the leaves of a batch',
  )
  yield metric(
    'expert.score',
    'B/s',
    await time(
      () =>
        nano.predict(
          contexts,
          contexts.map(() => 0),
        ),
      seconds / 2,
    ),
    32 * 256,
    where,
  )
  const stream = nano.open()
  const bytes = 200
  const generate = async (): Promise<void> => {
    for (let i = 0; i < bytes; i++) await stream.extend(i, text.subarray(i, i + 1), 1)
  }
  await generate()
  const last = await stream.extend(bytes - 1, text.subarray(bytes - 1, bytes), 1)
  const [whole] = await nano.predict([text.subarray(0, bytes)], [bytes])
  demand(whole !== undefined && last.every((code, i) => Math.abs(code - (whole[i] ?? 0)) <= 1), 'the stream against the batch')
  yield metric('expert.generate', 'B/s', await time(generate, seconds / 2), bytes, { ...where, threads: 1 })
  stream.close()
}

async function* signature({ signature: signer }: Compute, { seconds }: BenchOptions): AsyncGenerator<Metric> {
  for (const scheme of ['ed25519', 'sr25519'] as const) {
    const { publicKey, secret } = signer.keyPair(scheme, new Uint8Array(32).fill(7))
    const items = Array.from({ length: 512 }, (_, i) => {
      const message = concat(utf8('bench'), u64le(BigInt(i)), createHash('sha256').update(String(i)).digest())
      return { scheme, publicKey, message, signature: signer.sign(scheme, secret, message) }
    })
    const broken = items.map((item, i) => (i === 100 ? { ...item, message: utf8('other') } : item))
    demand(
      signer.verifyBatch(items).every((one) => one === 1),
      `valid ${scheme} signatures`,
    )
    demand(signer.verifyBatch(broken).filter((one) => one === 0).length === 1, `a forged ${scheme} signature`)
    yield metric(`signature.${scheme}.verify`, '1/s', await time(() => signer.verifyBatch(items), seconds / 2), items.length, {
      backend: 'cpu',
      threads: 1,
      checked: true,
    })
  }
}

export const subjects: Record<Subject, Run> = { pow, matmul, consensus, mixture, expert, signature }
