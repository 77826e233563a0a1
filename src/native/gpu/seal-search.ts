/**
 * A seal search on one device, slice by slice, so that a device that is lost loses a slice and not the search. A found
 * nonce counts only after the readable definition confirms it; that a device finds anything at all is probed with a
 * search that cannot fail, for a device that misses solutions looks just like bad luck.
 */
import { keccak_256 } from '@noble/hashes/sha3.js'
import { concat, toHex, U64_MAX } from '../../protocol/bytes.ts'
import { NodeError } from '../../protocol/errors.ts'
import type { LongCall, PowChallenge, PowCompute, PowSolution } from '../../protocol/ports/compute.ts'
import type { Header } from './frame.ts'
import type { GpuSupervisor } from './supervisor.ts'

/** A slice should last about this long ... */
const SLICE_MS = 1_000
/** ... and has at least and at most so many nonces: the first one measures the device. */
const SLICE_MIN = 2n ** 18n
const SLICE_MAX = 2n ** 40n
/** Among 2,048 nonces at difficulty 64 there is none with a chance of e⁻³². */
const PROBE = { difficulty: 64n, count: 2_048n }
const PROBE_EVERY_MS = 60_000

/** Where a search stands: what a successor needs to go on. */
export interface SearchState {
  next: bigint
  hashes: number
}

export type Challenge = Pick<PowChallenge, 'blockHash' | 'hotkey' | 'difficulty'>
export interface SearchParts {
  gpu: GpuSupervisor
  /** The readable definition. */
  seal: PowCompute['seal']
  /** Refuses what a device may not have found; planted away by the test that must notice. */
  meets: (seal: Uint8Array, difficulty: bigint) => boolean
}

/** seal · difficulty < 2²⁵⁶, the seal read as a big-endian number. */
export const sealMeets = (seal: Uint8Array, difficulty: bigint): boolean => BigInt(`0x${toHex(seal)}`) * difficulty < 2n ** 256n

interface Slice {
  inner: string
  difficulty: bigint
  start: bigint
  count: bigint
}

function readResult(device: string, ok: Header, { start, count }: Slice): { nonce: bigint | null; hashes: number } {
  const { nonce, hashes } = ok
  const isDecimal = (value: unknown): value is string => typeof value === 'string' && /^(?:0|[1-9]\d{0,19})$/.test(value)
  if (!isDecimal(hashes) || BigInt(hashes) > count)
    throw new NodeError('GPU_WRONG', { device, detail: 'it counts hashes that nobody asked for' })
  if (nonce === null) return { nonce, hashes: Number(hashes) }
  if (!isDecimal(nonce) || BigInt(nonce) < start || BigInt(nonce) >= start + count)
    throw new NodeError('GPU_WRONG', { device, detail: 'it found a nonce outside its range' })
  return { nonce: BigInt(nonce), hashes: Number(hashes) }
}

async function search(
  { gpu }: SearchParts,
  device: string,
  slice: Slice,
  options: LongCall,
): Promise<{ nonce: bigint | null; hashes: number }> {
  const { inner, difficulty, start, count } = slice
  const { ok } = await gpu.run(device, {
    op: 'seal.search',
    fields: { inner, difficulty: difficulty.toString(), start: start.toString(), count: count.toString() },
    quietMs: gpu.quietMs,
    signal: options.signal,
    onProgress: options.onProgress,
  })
  return readResult(device, ok, slice)
}

/** The seal of a nonce that `device` found. @throws NodeError GPU_WRONG when the definition refuses it */
function confirm(
  { seal, meets }: SearchParts,
  device: string,
  { blockHash, hotkey }: Challenge,
  difficulty: bigint,
  nonce: bigint,
): Uint8Array {
  const found = seal(blockHash, hotkey, nonce)
  if (meets(found, difficulty)) return found
  throw new NodeError('GPU_WRONG', { device, detail: `nonce ${nonce} does not meet difficulty ${difficulty}` })
}

async function probe(
  parts: SearchParts,
  device: string,
  challenge: Challenge,
  inner: string,
  start: bigint,
  signal: AbortSignal | undefined,
): Promise<void> {
  const { nonce } = await search(parts, device, { inner, start: start & (U64_MAX >> 1n), ...PROBE }, { signal })
  if (nonce === null)
    throw new NodeError('GPU_WRONG', { device, detail: `it finds no nonce of difficulty ${PROBE.difficulty} among ${PROBE.count}` })
  confirm(parts, device, challenge, PROBE.difficulty, nonce)
}

const nextCount = (count: bigint, ms: number): bigint => {
  const aimed = BigInt(Math.ceil((Number(count) * SLICE_MS) / Math.max(ms, 1)))
  const grown = aimed > 8n * count ? 8n * count : aimed
  return grown < SLICE_MIN ? SLICE_MIN : grown > SLICE_MAX ? SLICE_MAX : grown
}

/**
 * Searches from `state.next` on, nonces in order, until one meets the difficulty; `state` is kept up to date.
 * A device that answers wrongly is marked faulty.
 * @throws NodeError as `GpuSupervisor.run` does, GPU_WRONG; `state` then says where to go on
 */
export async function searchSeal(
  parts: SearchParts,
  device: string,
  challenge: Challenge,
  state: SearchState,
  { signal, onProgress }: LongCall,
): Promise<PowSolution> {
  const began = performance.now()
  const inner = toHex(keccak_256(concat(challenge.blockHash, challenge.hotkey)))
  let probed = -Infinity
  let count = SLICE_MIN
  try {
    for (;;) {
      if (performance.now() - probed > PROBE_EVERY_MS) {
        await probe(parts, device, challenge, inner, state.next, signal)
        probed = performance.now()
      }
      const left = U64_MAX - state.next + 1n
      const slice = { inner, difficulty: challenge.difficulty, start: state.next, count: count < left ? count : left }
      const before = state.hashes
      const sliceBegan = performance.now()
      const progress = onProgress && ((done: number) => onProgress(before + Math.min(done, Number(slice.count)), 0))
      const { nonce, hashes } = await search(parts, device, slice, { signal, onProgress: progress })
      if (nonce !== null) {
        const seal = confirm(parts, device, challenge, challenge.difficulty, nonce)
        state.hashes = before + hashes
        return { nonce, seal, hashes: state.hashes, seconds: (performance.now() - began) / 1_000 }
      }
      if (BigInt(hashes) !== slice.count) throw new NodeError('GPU_WRONG', { device, detail: 'it left a range before its end' })
      state.hashes = before + hashes
      state.next = (slice.start + slice.count) & U64_MAX
      count = nextCount(slice.count, performance.now() - sliceBegan)
    }
  } catch (error) {
    if (error instanceof NodeError && error.code === 'GPU_WRONG') parts.gpu.fault(device, String(error.data['detail']))
    throw error
  }
}
