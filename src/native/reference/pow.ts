/** Proof of work in TypeScript: the exact twin of the addon, for tests and for machines without one. */
import { keccak_256 } from '@noble/hashes/sha3.js'
import { concat, u64le, U64_MAX } from '../../protocol/bytes.ts'
import { NodeError } from '../../protocol/errors.ts'
import { sha256 } from '../../protocol/hash.ts'
import type { PowChallenge, PowCompute, PowOptions, PowSearch, PowSolution } from '../../protocol/ports/compute.ts'
import { checkBytes, checkU64 } from '../argument.ts'
import { paced } from '../pow-pace.ts'
import { checkBatch, checkChallenge, checkHeads, randomStart } from '../pow.ts'

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

  heads(challenge) {
    const count = checkHeads(challenge)
    checkBackend(challenge)
    const { start = randomStart() } = challenge
    const inner = innerOf(challenge.blockHash, challenge.hotkey)
    const head = (nonce: bigint): bigint => Buffer.from(sealOf(inner, nonce)).readBigUInt64BE()
    return BigUint64Array.from({ length: count }, (_, i) => head((start + BigInt(i)) & U64_MAX))
  },

  async solve(challenge, options) {
    const { nonce, seal, hashes, seconds } = await search(challenge, options).result
    return { nonce, seal, hashes, seconds }
  },

  search,
}

const startOf = ({ start = randomStart() }: PowChallenge): bigint => start

function checkBackend({ backend = BACKEND }: PowChallenge): void {
  if (backend !== BACKEND && backend !== 'all') throw new NodeError('POW_BACKEND_UNAVAILABLE', { detail: backend })
}

function search(challenge: PowChallenge, options: PowOptions = {}): PowSearch {
  checkChallenge(challenge)
  let current = challenge
  let open = true
  let stopped = false
  const { signal, onProgress } = paced(options, () => current.difficulty)
  const run = async (): Promise<PowSolution & { challenge: PowChallenge }> => {
    checkBackend(challenge)
    const begun = performance.now()
    let hashes = 0
    for (let task = current, tried = 0n, inner = innerOf(task.blockHash, task.hotkey), start = startOf(task); ; tried++) {
      if (hashes % SLICE_HASHES === 0) {
        if (hashes > 0) onProgress?.(hashes, 0)
        await nextTurn()
        if (stopped || signal?.aborted === true) throw new NodeError('NATIVE_CANCELLED')
        if (task !== current) [task, tried, inner, start] = [current, 0n, innerOf(current.blockHash, current.hotkey), startOf(current)]
      }
      const { difficulty, count = U64_MAX } = task
      if (tried >= count) throw new NodeError('POW_EXHAUSTED', { detail: `none of ${count} nonces meets the difficulty` })
      const nonce = (start + tried) & U64_MAX
      const seal = sealOf(inner, nonce)
      hashes += 1
      if (meets(seal, difficulty)) return { nonce, seal, hashes, seconds: (performance.now() - begun) / 1000, challenge: task }
    }
  }
  return {
    result: run().finally(() => {
      open = false
    }),
    replace(next) {
      checkChallenge(next)
      if (open) current = next
      return open
    },
    cancel() {
      stopped = true
    },
  }
}
