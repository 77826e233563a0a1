/** Proof of work in TypeScript: the exact twin of the addon, for tests and for machines without one. */
import { keccak_256 } from '@noble/hashes/sha3.js'
import { concat, u64le, U64_MAX } from '../../protocol/bytes.ts'
import { NodeError } from '../../protocol/errors.ts'
import { sha256 } from '../../protocol/hash.ts'
import type { LongCall, PowCompute } from '../../protocol/ports/compute.ts'
import { checkBytes, checkU64 } from '../argument.ts'
import { checkBatch, checkChallenge, randomStart } from '../pow.ts'

/** Hashes between two looks at the event loop, so that a cancel is seen within a few milliseconds. */
const SLICE_HASHES = 64
const BACKEND = 'typescript'

function innerOf(blockHash: Uint8Array, hotkey: Uint8Array): Uint8Array {
  checkBytes('blockHash', blockHash, 32)
  checkBytes('hotkey', hotkey, 32)
  return keccak_256(concat(blockHash, hotkey))
}

const sealOf = (inner: Uint8Array, nonce: bigint): Uint8Array => keccak_256(sha256(concat(u64le(nonce), inner)))

const meets = (seal: Uint8Array, difficulty: bigint): boolean => BigInt(`0x${Buffer.from(seal).toString('hex')}`) * difficulty < 2n ** 256n

const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

export const powReference: PowCompute = {
  backends: () => [BACKEND],

  seal(blockHash, hotkey, nonce) {
    checkU64('nonce', nonce)
    return sealOf(innerOf(blockHash, hotkey), nonce)
  },

  verify(batch) {
    checkBatch(batch)
    const seals = new Uint8Array(32 * batch.nonces.length)
    const met = Uint8Array.from(batch.nonces, (nonce, index) => {
      const [from, to] = [32 * index, 32 * index + 32]
      const seal = sealOf(innerOf(batch.blockHashes.subarray(from, to), batch.hotkeys.subarray(from, to)), nonce)
      seals.set(seal, from)
      return Number(meets(seal, batch.difficulties[index] ?? 0n))
    })
    return { seals, meets: met }
  },

  async solve(challenge, options: LongCall = {}) {
    checkChallenge(challenge)
    const { difficulty, start = randomStart(), backend = BACKEND } = challenge
    if (backend !== BACKEND) throw new NodeError('POW_BACKEND_UNAVAILABLE', { detail: backend })
    const inner = innerOf(challenge.blockHash, challenge.hotkey)
    const begun = performance.now()
    for (let hashes = 0; ; hashes++) {
      if (hashes % SLICE_HASHES === 0) {
        if (hashes > 0) options.onProgress?.(hashes, 0)
        await nextTurn()
        if (options.signal?.aborted === true) throw new NodeError('NATIVE_CANCELLED')
      }
      const nonce = (start + BigInt(hashes)) & U64_MAX
      const seal = sealOf(inner, nonce)
      if (meets(seal, difficulty)) return { nonce, seal, hashes: hashes + 1, seconds: (performance.now() - begun) / 1000 }
    }
  },
}
