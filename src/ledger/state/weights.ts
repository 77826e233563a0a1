/** Weights (ledger.md): committed in one epoch, revealed a lag later, counted from the reveal as of the commitment's height. */
import { toHex } from '../../protocol/bytes.ts'
import { NodeError } from '../../protocol/errors.ts'
import { weightsCommitment } from '../../protocol/weights.ts'
import type { ActionOf } from './accounts.ts'
import { COMMITMENT_BYTES } from './layout.ts'
import type { Market } from './market.ts'
import { neuronOf } from './neurons.ts'
import type { State } from './state.ts'
import type { Handler, SignedBy, Work } from './work.ts'

/** An open commitment: `epoch` it is for, `due` epoch counter of its reveal, `height` it was made at. */
export interface Commitment {
  epoch: number
  due: number
  height: number
  hash: Uint8Array
}

export function readCommitments(row: Uint8Array): Commitment[] {
  const view = new DataView(row.buffer, row.byteOffset, row.length)
  return Array.from({ length: row.length / COMMITMENT_BYTES }, (_, i) => {
    const at = i * COMMITMENT_BYTES
    const count = (offset: number): number => Number(view.getBigUint64(at + offset, true))
    return { epoch: count(0), due: count(8), height: count(16), hash: row.slice(at + 24, at + COMMITMENT_BYTES) }
  })
}

export function writeCommitments(commitments: readonly Commitment[]): Uint8Array {
  const row = new Uint8Array(COMMITMENT_BYTES * commitments.length)
  const view = new DataView(row.buffer)
  for (const [i, { epoch, due, height, hash }] of commitments.entries()) {
    for (const [j, value] of [epoch, due, height].entries()) view.setBigUint64(i * COMMITMENT_BYTES + 8 * j, BigInt(value), true)
    row.set(hash, i * COMMITMENT_BYTES + 24)
  }
  return row
}

/** Pairs of uid and value, each a u16. */
export function writePairs(uids: ArrayLike<number>, values: ArrayLike<number>): Uint8Array {
  const row = new Uint8Array(4 * uids.length)
  const view = new DataView(row.buffer)
  for (let i = 0; i < uids.length; i++) {
    view.setUint16(4 * i, uids[i] ?? 0, true)
    view.setUint16(4 * i + 2, values[i] ?? 0, true)
  }
  return row
}

export function readPairs(row: Uint8Array): { uids: number[]; values: number[] } {
  const view = new DataView(row.buffer, row.byteOffset, row.length)
  const at = (offset: number): number[] => Array.from({ length: row.length / 4 }, (_, i) => view.getUint16(4 * i + offset, true))
  return { uids: at(0), values: at(2) }
}

/** A permit counts only with the market's least stake of a validator behind it: in a small market everybody has one. */
export const permitCounts = (state: State, market: Market, uid: number): boolean =>
  market.parts.permit.get(uid) && state.hotkeys.stake.get(market.parts.hotkey.get(uid)) >= market.parameters.validatorStakeMinimum

function validatorOf(work: Work, netuid: number, signer: SignedBy): { market: Market; uid: number } {
  const { market, uid } = neuronOf(work, netuid, signer)
  if (!permitCounts(work.state, market, uid)) throw new NodeError('LEDGER_PERMIT', { hotkey: signer.hex, netuid })
  return { market, uid }
}

export const commitWeights: Handler<ActionOf<'commit_weights'>> = (work, { netuid, epoch, commitment }, signer) => {
  const { market, uid } = validatorOf(work, netuid, signer)
  const { commitments, head } = market.parts
  const current = head.value.epoch
  if (epoch !== BigInt(current)) throw new NodeError('LEDGER_COMMIT_EPOCH', { epoch, netuid, current })
  const open = readCommitments(commitments.get(uid))
  if (open.some((other) => other.epoch === current)) throw new NodeError('LEDGER_COMMIT_REPEATED', { epoch, netuid })
  return () => {
    work.writes++
    const due = current + market.parameters.revealLag
    commitments.set(uid, writeCommitments([...open, { epoch: current, due, height: work.height, hash: commitment }]))
    work.events.push({ type: 'weights_committed', netuid, uid, hotkey: signer.hex, epoch })
  }
}

/** What a row must keep to in this market (wire.md 5.3). The codec has seen to order and repetition. */
function requireRow(market: Market, uid: number, { uids, values }: ActionOf<'reveal_weights'>): void {
  const refuse = (detail: string): never => {
    throw new NodeError('LEDGER_WEIGHTS', { detail })
  }
  const { weightsMin, weightLimit } = market.parameters
  if ((uids.at(-1) ?? 0) >= market.size && uids.length > 0) refuse(`uid ${uids.at(-1)} is not taken`)
  if (uids.length < Math.min(weightsMin, market.size)) refuse(`${uids.length} targets, at least ${weightsMin}`)
  // One target may have at most this share of the row; what a validator gives itself is masked later and so exempt.
  const sum = values.reduce((total, value) => total + value, 0)
  const top = values.reduce((max, value, i) => (uids[i] === uid ? max : Math.max(max, value)), 0)
  if (BigInt(top) * 65_535n > BigInt(weightLimit) * BigInt(sum)) refuse('a target has too large a share of the row')
}

export const revealWeights: Handler<ActionOf<'reveal_weights'>> = (work, action, signer) => {
  const { netuid, epoch } = action
  const { market, uid } = validatorOf(work, netuid, signer)
  const { parts } = market
  const open = readCommitments(parts.commitments.get(uid))
  const found = open.find((other) => BigInt(other.epoch) === epoch)
  if (!found) throw new NodeError('LEDGER_REVEAL_UNKNOWN', { epoch, netuid })
  const current = parts.head.value.epoch
  if (found.due !== current) throw new NodeError('LEDGER_REVEAL_EPOCH', { epoch, due: found.due, netuid, current })
  const commitment = weightsCommitment({ ...action, genesis: work.state.chain.head.value.genesis, hotkey: signer.key })
  if (Buffer.compare(commitment, found.hash) !== 0) throw new NodeError('LEDGER_REVEAL_MISMATCH', { epoch })
  requireRow(market, uid, action)
  return () => {
    work.writes++
    parts.commitments.set(uid, writeCommitments(open.filter((other) => other !== found)))
    parts.weights.set(uid, writePairs(action.uids, action.values))
    parts.lastUpdate.set(uid, found.height)
    parts.evidence.set(uid, action.evidence)
    work.events.push({
      type: 'weights_revealed',
      netuid,
      uid,
      hotkey: signer.hex,
      epoch,
      targets: action.uids.length,
      evidence: toHex(action.evidence),
    })
  }
}

/** Before an epoch is computed: whoever has not revealed what was due in it has no weights. */
export function emptyUnrevealed(market: Market): void {
  const { commitments, weights, head } = market.parts
  for (let uid = 0; uid < market.size; uid++) {
    if (commitments.get(uid).length === 0) continue
    const open = readCommitments(commitments.get(uid))
    const later = open.filter(({ due }) => due > head.value.epoch)
    if (later.length === open.length) continue
    commitments.set(uid, writeCommitments(later))
    weights.set(uid, new Uint8Array(0))
  }
}
