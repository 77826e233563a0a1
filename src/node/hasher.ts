/** The native SHA-256 under every Merkle tree of a thread. The library keeps one hasher for all, so it is set before any state exists. */
import { setHasher } from '@chainsafe/persistent-merkle-tree'
import { hasher } from '@chainsafe/persistent-merkle-tree/hasher/hashtree'

/** Call once in each thread that holds a state. */
export function useNativeHasher(): void {
  setHasher(hasher)
}
