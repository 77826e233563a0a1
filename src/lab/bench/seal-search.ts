/**
 * The rate of seal hashing. Without a verifier: a search that practically never ends, stopped by the clock. For a verifier:
 * many short searches under an inner hash of its challenge; each solution costs `difficulty` hashes on average whoever makes
 * it, so their number is an estimate of the hashes, with an error that is known.
 */
import { concat, utf8 } from '../../protocol/bytes.ts'
import { sha256 } from '../../protocol/hash.ts'
import type { PowCompute } from '../../protocol/ports/compute.ts'
import { figure, onDevice, type BenchContext, type Found } from './measure.ts'
import { seededBytes } from './seeded.ts'

const SOLUTIONS = 1_000
/** A shorter search would measure how fast threads start; of a device's last launch, 15 ms, half goes to waste. */
const SEARCH_SECONDS_MIN = { cpu: 0.02, device: 0.1 }
/** Searches of a round without proofs. */
const SEARCHES = 2
const WINDOWS = 10

/** What all searches of a run are for: the challenge stands in both. */
export const sealTarget = (seed: Uint8Array, backend: string): { blockHash: Uint8Array; hotkey: Uint8Array } => ({
  blockHash: sha256(concat(seed, utf8(`bench seals ${backend}`))),
  hotkey: seed,
})

interface Searched {
  hashes: number
  seconds: number
}

/** Searches for `seconds` with no hope of a solution; hashes by the solver's own count. */
async function search(
  solver: PowCompute,
  target: { blockHash: Uint8Array; hotkey: Uint8Array; backend: string; threads: number },
  seconds: number,
  signal: AbortSignal,
): Promise<Searched> {
  const stop = new AbortController()
  const timer = setTimeout(() => stop.abort(), seconds * 1_000)
  const began = performance.now()
  let [hashes, last] = [0, began]
  const { options, check } = onDevice(target.backend, AbortSignal.any([stop.signal, signal]))
  await solver
    .solve({ ...target, difficulty: 2n ** 63n }, { ...options, onProgress: (done) => ((hashes = done), (last = performance.now())) })
    .catch((error: unknown) => {
      if (!stop.signal.aborted) throw error
    })
  clearTimeout(timer)
  check()
  return { hashes, seconds: (last - began) / 1_000 }
}

async function searches({ compute: { pow }, seconds, threads, seed, signal }: BenchContext, backend: string): Promise<Searched[]> {
  const target = { ...sealTarget(seed, backend), backend, threads }
  const found: Searched[] = []
  for (let i = 0; i < SEARCHES; i++) found.push(await search(pow, target, seconds / SEARCHES, signal))
  return found
}

async function solved(
  { compute: { pow }, seconds, threads, seed, signal }: BenchContext,
  backend: string,
): Promise<{ windows: Searched[]; difficulty: bigint; nonces: bigint[] }> {
  const target = { ...sealTarget(seed, backend), backend, threads }
  const guess = await search(pow, target, Math.min(0.5, seconds / 4), signal)
  const least = SEARCH_SECONDS_MIN[backend.includes(':') || backend === 'all' ? 'device' : 'cpu']
  // A stalled machine may not have told of any progress: then every seal is found at once, and counts for little.
  const rate = guess.seconds > 0 ? guess.hashes / guess.seconds : 0
  const difficulty = BigInt(Math.max(1, Math.floor(rate * Math.max(least, seconds / SOLUTIONS))))
  const windows: Searched[] = []
  const nonces: bigint[] = []
  const { options, check } = onDevice(backend, signal)
  // Each search begins behind the last solution, so that none is found twice.
  let start = new BigUint64Array(seededBytes(seed, `start ${backend}`, 8).buffer)[0] ?? 0n
  start >>= 1n
  for (let window = 0; window < WINDOWS; window++) {
    const sum: Searched = { hashes: 0, seconds: 0 }
    while (sum.seconds < seconds / WINDOWS) {
      signal.throwIfAborted()
      const began = performance.now()
      const { nonce, hashes } = await pow.solve({ ...target, difficulty, start }, options)
      check()
      sum.seconds += (performance.now() - began) / 1_000
      // Other threads hash beyond a solution, and the next search does so again: what counts is the range that is done.
      sum.hashes += Math.min(hashes, Number(nonce - start + 1n))
      nonces.push(nonce)
      start = nonce + 1n
    }
    windows.push(sum)
  }
  return { windows, difficulty, nonces }
}

/** Times one solver. */
export async function measureSeals(context: BenchContext, backend: string): Promise<Found> {
  const { windows, ...rest } = context.prove
    ? await solved(context, backend)
    : { windows: await searches(context, backend), difficulty: 0n, nonces: [] }
  const times = windows.map(({ hashes, seconds }) => seconds / hashes)
  const metric = figure('pow.hashrate', 'H/s', times, 1, { backend, threads: backend.includes(':') ? 0 : context.threads })
  metric.seconds = windows.reduce((sum, { seconds }) => sum + seconds, 0)
  if (!context.prove) return { metric }
  const hashes = windows.reduce((sum, window) => sum + window.hashes, 0)
  const proof = {
    kind: 'seals',
    metric: 'pow.hashrate',
    backend,
    difficulty: String(rest.difficulty),
    nonces: rest.nonces.map(String),
  } as const
  return { metric: { ...metric, value: hashes / metric.seconds }, proof: { ...proof, nonces: [...proof.nonces] } }
}
