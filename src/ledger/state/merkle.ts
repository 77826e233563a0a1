/** SSZ Merkle roots over the hasher that `node` sets once for the whole program (`setHasher`), before any state exists. */
import { digest64, hashInto, zeroHash } from '@chainsafe/persistent-merkle-tree'

/** Root of `depth` levels over 32-byte chunks; a last chunk may be short, missing ones are zero. `bytes` stays as it is. */
export function merkleRoot(bytes: Uint8Array, depth: number): Uint8Array {
  const chunks = Math.ceil(bytes.length / 32)
  if (chunks === 0) return zeroHash(depth)
  // Room for one chunk of padding; every layer is hashed into the start of the one below.
  const buffer = new Uint8Array(32 * (chunks + (chunks & 1)))
  buffer.set(bytes)
  return fold(buffer, chunks, depth)
}

/** As `merkleRoot` over whole chunks in a buffer that may be overwritten and has room for an even number of them. */
export function fold(buffer: Uint8Array, chunks: number, depth: number): Uint8Array {
  let count = chunks
  for (let level = 0; level < depth; level++) {
    if (count === 1) return extend(buffer.slice(0, 32), level, depth)
    if (count & 1) buffer.set(zeroHash(level), 32 * count++)
    hashInto(buffer.subarray(0, 32 * count), buffer.subarray(0, 16 * count))
    count >>= 1
  }
  return buffer.slice(0, 32)
}

/** Raises a root from one level to another, everything to the right being zero. */
export function extend(root: Uint8Array, from: number, to: number): Uint8Array {
  let out = root
  for (let level = from; level < to; level++) out = digest64(out, zeroHash(level))
  return out
}

/** SSZ `mix_in_length`. */
export function mixInLength(root: Uint8Array, length: number): Uint8Array {
  const last = new Uint8Array(32)
  new DataView(last.buffer).setBigUint64(0, BigInt(length), true)
  return digest64(root, last)
}

/** Levels of a tree over so many chunks. */
export const depthOf = (chunks: number): number => Math.ceil(Math.log2(Math.max(1, chunks)))
