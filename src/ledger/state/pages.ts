/**
 * A persistent array of bytes with its Merkle tree: pages of 16 chunks under branches of 16, each keeping its root until it
 * is written. A fork shares all pages; the first write on either side copies the path, later ones write in place. So a new
 * state costs what changed, an old one stays whole, and 10⁶ rows are a few thousand arrays instead of millions of nodes.
 */
import { zeroHash } from '@chainsafe/persistent-merkle-tree'
import { extend, fold } from './merkle.ts'

const PAGE_BYTES = 512
/** log2 of the chunks of a page, and of the children of a branch. */
const LEVELS = 4
const FAN = 1 << LEVELS

/** Who may write a page or branch in place; everyone else copies it. */
type Owner = object
export interface Page {
  owner: Owner
  bytes: Uint8Array
  view: DataView
  root: Uint8Array | null
}
interface Branch {
  owner: Owner
  children: (Branch | Page | undefined)[]
  root: Uint8Array | null
}
const isPage = (node: Branch | Page): node is Page => 'bytes' in node

const newPage = (owner: Owner, from?: Uint8Array): Page => {
  const bytes = new Uint8Array(PAGE_BYTES)
  if (from) bytes.set(from)
  return { owner, bytes, view: new DataView(bytes.buffer), root: null }
}

export class Pages {
  #top: Branch | Page | undefined
  /** Levels of branches above the pages. */
  #height = 0
  #owner: Owner = {}

  static readonly pageBytes = PAGE_BYTES

  /** A second array of the same bytes; neither sees what is later written to the other. */
  fork(): Pages {
    const copy = new Pages()
    copy.#top = this.#top
    copy.#height = this.#height
    // What is shared now belongs to nobody.
    this.#owner = {}
    return copy
  }

  /** The page of a number for reading; undefined where all is zero. */
  page(number: number): Page | undefined {
    if (number >= FAN ** this.#height) return undefined
    let node = this.#top
    for (let height = this.#height; node !== undefined && height > 0; height--) {
      if (isPage(node)) return undefined
      node = node.children[(number >>> (LEVELS * (height - 1))) & (FAN - 1)]
    }
    return node !== undefined && isPage(node) ? node : undefined
  }

  /** The page of a number for writing; its root and those above are forgotten. */
  writable(number: number): Page {
    while (number >= FAN ** this.#height) {
      if (this.#top !== undefined) this.#top = { owner: this.#owner, children: [this.#top], root: null }
      this.#height++
    }
    let set = (node: Branch | Page): void => {
      this.#top = node
    }
    let node = this.#top
    for (let height = this.#height; height > 0; height--) {
      let branch = node as Branch | undefined
      if (branch?.owner !== this.#owner) {
        branch = { owner: this.#owner, children: branch ? branch.children.slice() : [], root: null }
        set(branch)
      }
      branch.root = null
      const slot = (number >>> (LEVELS * (height - 1))) & (FAN - 1)
      const { children } = branch
      set = (child) => {
        children[slot] = child
      }
      node = children[slot]
    }
    let page = node as Page | undefined
    if (page?.owner !== this.#owner) {
      page = newPage(this.#owner, page?.bytes)
      set(page)
    }
    page.root = null
    return page
  }

  /** The Merkle root of all chunks in a tree of `depth` levels. */
  root(depth: number): Uint8Array {
    if (this.#top === undefined) return zeroHash(depth)
    const below = LEVELS * this.#height
    const levels = Math.min(LEVELS, depth - below)
    return extend(rootOf(this.#top, this.#height, levels), below + levels, depth)
  }

  /** Copies the first `length` bytes to `out` at `offset`. */
  copyTo(out: Uint8Array, offset: number, length: number): void {
    for (let number = 0; number * PAGE_BYTES < length; number++) {
      const page = this.page(number)
      if (page) out.set(page.bytes.subarray(0, Math.min(PAGE_BYTES, length - number * PAGE_BYTES)), offset + number * PAGE_BYTES)
    }
  }

  static of(bytes: Uint8Array): Pages {
    const pages = new Pages()
    for (let number = 0; number * PAGE_BYTES < bytes.length; number++)
      pages.writable(number).bytes.set(bytes.subarray(number * PAGE_BYTES, (number + 1) * PAGE_BYTES))
    return pages
  }
}

const scratch = new Uint8Array(PAGE_BYTES)

/** `levels` is below 4 only at the top of a list whose limit needs no more. */
function rootOf(node: Branch | Page, height: number, levels: number): Uint8Array {
  if (node.root) return node.root
  if (isPage(node)) scratch.set(node.bytes)
  else {
    // Children first: they use the same scratch.
    const zero = zeroHash(LEVELS * height)
    const roots = Array.from({ length: FAN }, (_, i) => {
      const child = node.children[i]
      return child ? rootOf(child, height - 1, LEVELS) : zero
    })
    for (const [i, root] of roots.entries()) scratch.set(root, 32 * i)
  }
  node.root = levels === 0 ? scratch.slice(0, 32) : fold(scratch, 1 << levels, levels)
  return node.root
}
