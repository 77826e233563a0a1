/**
 * From a key to its row: a persistent trie over the key's half bytes whose leaves are row numbers; the keys themselves stay
 * in their column. Derived from the state, never part of its root, rebuilt when a state is loaded.
 */
import { NodeError } from '../../protocol/errors.ts'

type Owner = object
type Slot = Node | number | undefined
interface Node {
  owner: Owner
  slots: Slot[]
}

const digit = (key: Uint8Array, depth: number): number => {
  const byte = key[depth >> 1] ?? 0
  return depth & 1 ? byte & 15 : byte >> 4
}

export class Lookup {
  #top: Slot
  #owner: Owner = {}

  fork(): Lookup {
    const copy = new Lookup()
    copy.#top = this.#top
    this.#owner = {}
    return copy
  }

  /** The row that may have this key: the caller compares the whole key. */
  candidate(key: Uint8Array): number | undefined {
    let slot = this.#top
    for (let depth = 0; typeof slot === 'object'; depth++) slot = slot.slots[digit(key, depth)]
    return slot
  }

  /** Adds a row. `keyOf` gives the key of a row that is there. @throws NodeError LEDGER_STATE when that is the same key */
  add(key: Uint8Array, row: number, keyOf: (row: number) => Uint8Array): void {
    this.#top = this.#added(this.#top, 0, key, row, keyOf)
  }

  #added(slot: Slot, depth: number, key: Uint8Array, row: number, keyOf: (row: number) => Uint8Array): Slot {
    if (slot === undefined) return row
    if (depth >= 2 * key.length) throw new NodeError('LEDGER_STATE', { detail: 'a key stands twice' })
    if (typeof slot === 'number') {
      const node: Node = { owner: this.#owner, slots: [] }
      node.slots[digit(keyOf(slot), depth)] = slot
      return this.#added(node, depth, key, row, keyOf)
    }
    const node = this.#own(slot)
    const at = digit(key, depth)
    node.slots[at] = this.#added(node.slots[at], depth + 1, key, row, keyOf)
    return node
  }

  /** Takes the row of a key out; it must be there. */
  remove(key: Uint8Array): void {
    this.#top = this.#removed(this.#top, 0, key)
  }

  #removed(slot: Slot, depth: number, key: Uint8Array): Slot {
    if (typeof slot !== 'object') return undefined
    const node = this.#own(slot)
    const at = digit(key, depth)
    node.slots[at] = this.#removed(node.slots[at], depth + 1, key)
    const left = node.slots.filter((entry) => entry !== undefined)
    // A lone row moves up, so that the shape depends on the keys that are there, not on those that were.
    if (left.length === 0) return undefined
    return left.length === 1 && typeof left[0] === 'number' ? left[0] : node
  }

  #own(node: Node): Node {
    return node.owner === this.#owner ? node : { owner: this.#owner, slots: node.slots.slice() }
  }
}
