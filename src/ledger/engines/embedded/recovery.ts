/**
 * From a store to a state: the newest snapshot, then every block after it executed again, each root compared with the one that was
 * signed (reliability.md 4.1, rule 6). Nothing is served before the whole way fits.
 */
import { equal, toHex } from '../../../protocol/bytes.ts'
import { decodeBlock } from '../../../protocol/block.ts'
import { NodeError } from '../../../protocol/errors.ts'
import { encodeGenesis, type Genesis, genesisHash } from '../../../protocol/genesis.ts'
import type { BlockStore } from '../../../protocol/ports/block-store.ts'
import type { Log } from '../../../protocol/ports/platform.ts'
import type { Machine } from './machine.ts'
import { encodeValue } from './results.ts'

/** The newest durable block and the state after it. */
export interface Tip<State> {
  height: number
  hash: Uint8Array
  /** Unix ms. */
  time: number
  state: State
  root: Uint8Array
}

const REPORT_EVERY_BLOCKS = 1_000

/** @throws LEDGER_OTHER_NETWORK, LEDGER_ROOT_MISMATCH, LEDGER_STATE, STORE_* */
export function recover<State>(genesis: Genesis, parts: { machine: Machine<State>; store: BlockStore; log: Log }): Tip<State> {
  const { machine, store, log } = parts
  const head = store.head()
  const origin = originOf(genesis, machine)
  if (head === null) {
    const empty = { receipts: [], events: [] }
    const block = encodeGenesis(genesis)
    store.append({
      height: 0,
      hash: origin.hash,
      parent: new Uint8Array(32),
      stateRoot: origin.root,
      block,
      results: encodeValue(empty),
      rows: [],
    })
    log.info('a new ledger begins', { genesis: toHex(origin.hash) })
    return origin
  }
  const found = store.load(0)
  if (found === null || !equal(found.hash, origin.hash))
    throw new NodeError('LEDGER_OTHER_NETWORK', { found: found === null ? 'none' : toHex(found.hash), expected: toHex(origin.hash) })
  if (!equal(found.stateRoot, origin.root)) throw mismatch(0, origin.root, found.stateRoot)
  return replay(startOf(origin, parts), head.height, parts)
}

function originOf<State>(genesis: Genesis, machine: Machine<State>): Tip<State> {
  const state = machine.initial()
  return { height: 0, hash: genesisHash(genesis), time: Number(genesis.time), state, root: machine.root(state) }
}

/** The newest snapshot as a tip, the origin when there is none. */
function startOf<State>(origin: Tip<State>, { machine, store }: { machine: Machine<State>; store: BlockStore }): Tip<State> {
  const snapshot = store.newestSnapshot()
  if (snapshot === null) return origin
  const { height } = snapshot
  if (height === 0) return origin
  if (height > (store.head()?.height ?? 0))
    throw new NodeError('LEDGER_STATE', { detail: `the snapshot of height ${height} is above the head` })
  const stored = store.load(height)
  // Its block may have been pruned; the chain of hashes and roots after it still has to fit.
  const hash = stored?.hash ?? store.load(height + 1)?.parent
  if (hash === undefined) throw new NodeError('LEDGER_STATE', { detail: `block ${height + 1} after the newest snapshot is not stored` })
  const state = machine.deserialize(snapshot.bytes, hash)
  const root = machine.root(state)
  if (!equal(root, snapshot.stateRoot)) throw mismatch(height, root, snapshot.stateRoot)
  if (stored !== null && !equal(stored.stateRoot, root)) throw mismatch(height, root, stored.stateRoot)
  return { height, hash, time: stored === null ? 0 : Number(decodeBlock(stored.block).header.time), state, root }
}

function replay<State>(start: Tip<State>, end: number, parts: { machine: Machine<State>; store: BlockStore; log: Log }): Tip<State> {
  const { machine, store, log } = parts
  let tip = start
  for (let height = start.height + 1; height <= end; height++) {
    const stored = store.load(height)
    if (stored === null) throw new NodeError('LEDGER_STATE', { detail: `block ${height} is not stored` })
    const { header, transactions } = decodeBlock(stored.block)
    const time = Number(header.time)
    if (!equal(header.parent, tip.hash) || Number(header.height) !== height || time <= tip.time)
      throw new NodeError('LEDGER_STATE', { detail: `block ${height} does not follow block ${tip.height}` })
    const applied = machine.apply(tip.state, { height, time, parent: tip.hash, transactions })
    const root = applied.header.stateRoot
    if (!equal(root, header.stateRoot) || !equal(root, stored.stateRoot)) throw mismatch(height, root, header.stateRoot)
    if (!equal(applied.hash, stored.hash)) throw new NodeError('LEDGER_STATE', { detail: `block ${height} is not what its header says` })
    tip = { height, hash: stored.hash, time, state: applied.state, root }
    if (height % REPORT_EVERY_BLOCKS === 0) log.info('executing stored blocks again', { height, of: end })
  }
  return tip
}

const mismatch = (height: number, found: Uint8Array, expected: Uint8Array): NodeError =>
  new NodeError('LEDGER_ROOT_MISMATCH', { height, found: toHex(found), expected: toHex(expected) })
