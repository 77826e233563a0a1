/**
 * A device of the GPU program as a searcher of nonces. A found nonce counts only after the readable definition confirms
 * it; that a device finds anything at all is probed with a search that cannot fail, for a device that misses solutions
 * looks just like bad luck.
 */
import { keccak_256 } from '@noble/hashes/sha3.js'
import { concat, toHex } from '../../protocol/bytes.ts'
import { NodeError } from '../../protocol/errors.ts'
import type { LongCall, PowChallenge, PowCompute } from '../../protocol/ports/compute.ts'
import type { NonceRange, SealSearcher } from '../pow-race.ts'
import type { Header } from './frame.ts'
import type { GpuSupervisor } from './supervisor.ts'

/** Among 2,048 nonces at difficulty 64 there is none with a chance of e⁻³². */
const PROBE = { difficulty: 64n, count: 2_048n }
const PROBE_EVERY_MS = 60_000

type Challenge = Pick<PowChallenge, 'blockHash' | 'hotkey' | 'difficulty'>
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
  if (!isDecimal(nonce) || BigInt.asUintN(64, BigInt(nonce) - start) >= count)
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

/** @throws NodeError GPU_WRONG when the definition refuses a nonce that `device` found */
function confirm({ seal, meets }: SearchParts, device: string, { blockHash, hotkey }: Challenge, difficulty: bigint, nonce: bigint): void {
  const found = seal(blockHash, hotkey, nonce)
  if (!meets(found, difficulty))
    throw new NodeError('GPU_WRONG', { device, detail: `nonce ${nonce} does not meet difficulty ${difficulty}` })
}

/** One search of a device; `challenge` may change under it. */
class DeviceSearcher implements SealSearcher {
  readonly name: string
  readonly #parts: SearchParts
  #probed = -Infinity

  constructor(parts: SearchParts, device: string) {
    this.name = device
    this.#parts = parts
  }

  async search(challenge: PowChallenge, range: NonceRange, options: LongCall): Promise<bigint | null> {
    const { gpu } = this.#parts
    const inner = toHex(keccak_256(concat(challenge.blockHash, challenge.hotkey)))
    try {
      await gpu.find(this.name, options.signal)
      await this.#probe(challenge, inner, range.start, options.signal)
      const { nonce, hashes } = await search(this.#parts, this.name, { inner, difficulty: challenge.difficulty, ...range }, options)
      if (nonce !== null) confirm(this.#parts, this.name, challenge, challenge.difficulty, nonce)
      else if (BigInt(hashes) !== range.count)
        throw new NodeError('GPU_WRONG', { device: this.name, detail: 'it left a range before its end' })
      return nonce
    } catch (error) {
      if (error instanceof NodeError && error.code === 'GPU_WRONG') gpu.fault(this.name, String(error.data['detail']))
      throw error
    }
  }

  async #probe(challenge: Challenge, inner: string, start: bigint, signal: AbortSignal | undefined): Promise<void> {
    if (performance.now() - this.#probed < PROBE_EVERY_MS) return
    const { nonce } = await search(this.#parts, this.name, { inner, start, ...PROBE }, { signal })
    if (nonce === null)
      throw new NodeError('GPU_WRONG', {
        device: this.name,
        detail: `it finds no nonce of difficulty ${PROBE.difficulty} among ${PROBE.count}`,
      })
    confirm(this.#parts, this.name, challenge, PROBE.difficulty, nonce)
    this.#probed = performance.now()
  }
}

/** `device` as a searcher; one that answers wrongly is marked faulty. It throws what `GpuSupervisor.run` and `find` do, and GPU_WRONG. */
export const deviceSearcher = (parts: SearchParts, device: string): SealSearcher => new DeviceSearcher(parts, device)
