/** Commit, then reveal (mixture.md 2.2, 6.1): the tree over the visible leaves and what a validator checks. */
import { concat, equal, u32le } from '../../protocol/bytes.ts'
import { kdf } from '../../protocol/hash.ts'
import type { ClaimInput, MixtureCompute, RevealInput } from '../../protocol/ports/compute.ts'
import { LEAF_BYTES } from '../../protocol/ports/compute.ts'
import { claimOf, demand, leavesOf } from './mixture-numbers.ts'

const LENGTH_MAX = 4_096
const OPENINGS_MAX = 16
const HASH = 32
const PAD = new Uint8Array(HASH)

const leafHash = (position: number, leaf: Uint8Array): Uint8Array => kdf('leaf', concat(u32le(position), leaf))
const nodeHash = (left: Uint8Array, right: Uint8Array): Uint8Array => kdf('node', concat(left, right))

/** All levels of the tree, leaves first, the root last. */
function treeOf(visible: Uint8Array[]): Uint8Array[][] {
  let level = visible.map((leaf, t) => leafHash(t, leaf))
  while ((level.length & (level.length - 1)) !== 0) level.push(PAD)
  const levels = [level]
  while (level.length > 1) {
    const below = level
    level = Array.from({ length: below.length / 2 }, (_, i) => nodeHash(below[2 * i]!, below[2 * i + 1]!))
    levels.push(level)
  }
  return levels
}

function littleEndian(claims: Uint16Array): Uint8Array {
  const view = new DataView(new ArrayBuffer(claims.length * 2))
  claims.forEach((claim, i) => view.setUint16(2 * i, claim, true))
  return new Uint8Array(view.buffer)
}

const commitment = (of: Pick<RevealInput, 'queryId' | 'hotkey' | 'root' | 'claims' | 'lastLeaf' | 'salt'>): Uint8Array =>
  kdf('claim', concat(of.queryId, of.hotkey, of.root, littleEndian(of.claims), of.lastLeaf, of.salt))

function checkNames(of: { queryId: Uint8Array; hotkey: Uint8Array }): void {
  demand(of.queryId.length === 16 && of.hotkey.length === HASH, 'MIXTURE_ARGUMENT', 'a query id has 16 bytes, a hotkey 32')
}

function checkPositions(positions: Uint16Array, visible: number): void {
  demand(positions.length <= OPENINGS_MAX, 'MIXTURE_TOO_LARGE', `openings: ${positions.length}, ${OPENINGS_MAX} are the most`)
  demand(
    positions.every((position) => position < visible),
    'MIXTURE_ARGUMENT',
    'a position is not that of a visible leaf',
  )
}

function checkLength(length: number, least: number, most: number): void {
  demand(length >= least, 'MIXTURE_ARGUMENT', 'a span has at least two positions')
  demand(length <= most, 'MIXTURE_TOO_LARGE', `positions of a span: ${length}, ${most} are the most`)
}

export function commit(input: ClaimInput): { root: Uint8Array; commit: Uint8Array } {
  const leaves = leavesOf(input.leaves)
  checkLength(leaves.length, 2, LENGTH_MAX)
  checkNames(input)
  demand(input.salt.length === HASH, 'MIXTURE_ARGUMENT', 'a salt has 32 bytes')
  demand(input.claims.length === leaves.length - 1, 'MIXTURE_ARGUMENT', 'there is not one claim for each visible leaf')
  const root = treeOf(leaves.slice(0, -1)).at(-1)![0]!
  return { root, commit: commitment({ ...input, root, lastLeaf: leaves.at(-1)! }) }
}

export function paths(bytes: Uint8Array, positions: Uint16Array): Uint8Array[] {
  const visible = leavesOf(bytes)
  checkLength(visible.length, 1, LENGTH_MAX - 1)
  checkPositions(positions, visible.length)
  const levels = treeOf(visible).slice(0, -1)
  return Array.from(positions, (position) => concat(...levels.map((level, height) => level[(position >> height) ^ 1]!)))
}

function climbs(position: number, leaf: Uint8Array, path: Uint8Array, root: Uint8Array): boolean {
  let hash = leafHash(position, leaf)
  for (let height = 0; height < path.length / HASH; height++) {
    const sibling = path.subarray(height * HASH, (height + 1) * HASH)
    hash = ((position >> height) & 1) === 0 ? nodeHash(hash, sibling) : nodeHash(sibling, hash)
  }
  return equal(hash, root)
}

function fits(reveal: RevealInput, visible: number): boolean {
  const depth = Math.ceil(Math.log2(visible))
  return (
    [reveal.commit, reveal.root, reveal.salt].every((hash) => hash.length === HASH) &&
    reveal.lastLeaf.length === LEAF_BYTES &&
    reveal.claims.length === visible &&
    reveal.leaves.length === reveal.positions.length * LEAF_BYTES &&
    reveal.paths.length === reveal.positions.length &&
    reveal.paths.every((path) => path.length === depth * HASH)
  )
}

export function checkReveal(reveal: RevealInput): ReturnType<MixtureCompute['checkReveal']> {
  checkLength(reveal.span.length, 2, LENGTH_MAX)
  checkNames(reveal)
  const visible = reveal.span.length - 1
  checkPositions(reveal.positions, visible)
  if (!fits(reveal, visible)) return { status: 'shape', lastClaim: 0 }
  const lastClaim = claimOf(reveal.lastLeaf, reveal.span[visible]!)
  if (!equal(commitment(reveal), reveal.commit)) return { status: 'commit', lastClaim }
  const opened = leavesOf(reveal.leaves)
  const positions = [...reveal.positions]
  if (!positions.every((t, i) => climbs(t, opened[i]!, reveal.paths[i]!, reveal.root))) return { status: 'path', lastClaim }
  if (!positions.every((t, i) => claimOf(opened[i]!, reveal.span[t]!) === reveal.claims[t])) return { status: 'claim', lastClaim }
  return { status: 'ok', lastClaim }
}
