/** A Merkle tree of SHA-256 over equal rows, padded with zeros to a power of two: the commitment to many states at once. */
import { hash } from 'node:crypto'

const NODE = 32
const digest = (bytes: Uint8Array): Uint8Array => hash('sha256', bytes, 'buffer')
/** Rows are longer than the two hashes of an inner node, so neither can be taken for the other. */
export const ROW_BYTES_MIN = 2 * NODE + 1

export const rowLeaf = digest

/** Levels of the tree over `count` leaves. */
export const depthOf = (count: number): number => Math.ceil(Math.log2(count))

export class RowTree {
  /** From the leaves to the root, each level's nodes in one piece. */
  readonly #levels: Uint8Array[]

  /** @param leaves 32 bytes each, concatenated */
  constructor(leaves: Uint8Array) {
    const width = 2 ** depthOf(leaves.length / NODE)
    let level = new Uint8Array(width * NODE)
    level.set(leaves)
    this.#levels = [level]
    while (level.length > NODE) {
      const above = new Uint8Array(level.length / 2)
      for (let at = 0; at < above.length; at += NODE) above.set(digest(level.subarray(2 * at, 2 * at + 2 * NODE)), at)
      this.#levels.push((level = above))
    }
  }

  get root(): Uint8Array {
    return this.#levels.at(-1) ?? new Uint8Array(NODE)
  }

  /** Siblings from the leaf to the root, concatenated. */
  path(leaf: number): Uint8Array {
    const siblings = this.#levels.slice(0, -1).map((level, height) => {
      const at = ((leaf >> height) ^ 1) * NODE
      return level.subarray(at, at + NODE)
    })
    return Buffer.concat(siblings)
  }
}

/** Whether `row` is leaf number `leaf` of the tree over `count` rows with this root. */
export function opens(root: Uint8Array, count: number, leaf: number, row: Uint8Array, path: Uint8Array): boolean {
  const depth = depthOf(count)
  if (row.length < ROW_BYTES_MIN || path.length !== depth * NODE || leaf < 0 || leaf >= count) return false
  let node = digest(row)
  for (let height = 0; height < depth; height++) {
    const sibling = path.subarray(height * NODE, (height + 1) * NODE)
    node = digest(((leaf >> height) & 1) === 0 ? Buffer.concat([node, sibling]) : Buffer.concat([sibling, node]))
  }
  return Buffer.compare(node, root) === 0
}
