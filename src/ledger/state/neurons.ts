/** What a neuron says of itself: where it serves, and which model it has committed to. */
import { encodeAction } from '../../protocol/actions.ts'
import { toHex } from '../../protocol/bytes.ts'
import { NodeError } from '../../protocol/errors.ts'
import type { ActionOf } from './accounts.ts'
import type { Market } from './market.ts'
import type { Handler, SignedBy, Work } from './work.ts'

/** The uid of the signer in a market. @throws NodeError LEDGER_MARKET_UNKNOWN, LEDGER_NOT_REGISTERED */
export function neuronOf(work: Work, netuid: number, signer: SignedBy): { market: Market; uid: number; row: number } {
  const market = work.state.market(netuid)
  const row = signer.hotkey
  const uid = row === undefined ? undefined : market.uidOf(row)
  if (row === undefined || uid === undefined) throw new NodeError('LEDGER_NOT_REGISTERED', { hotkey: signer.hex, netuid })
  return { market, uid, row }
}

export const serve: Handler<ActionOf<'serve'>> = (work, action, signer) => {
  const { market, uid } = neuronOf(work, action.netuid, signer)
  const { servedAt, endpoint } = market.parts
  const last = servedAt.get(uid)
  const height = last + market.parameters.serveIntervalBlocks
  if (last > 0 && work.height < height) throw new NodeError('LEDGER_RATE_LIMITED', { kind: action.kind, height })
  return () => {
    work.writes++
    servedAt.set(uid, work.height)
    endpoint.set(uid, encodeAction(action).fields)
    work.events.push({ type: 'served', netuid: market.netuid, uid, hotkey: signer.hex, addresses: [...action.addresses] })
  }
}

export const commitModel: Handler<ActionOf<'commit_model'>> = (work, action, signer) => {
  const { market, uid } = neuronOf(work, action.netuid, signer)
  const { parts, netuid } = market
  const { epoch } = parts.head.value
  if (parts.modelEpoch.get(uid) === epoch + 1) throw new NodeError('LEDGER_MODEL_REPEATED', { epoch, netuid })
  return () => {
    work.writes++
    parts.modelRoot.set(uid, action.root)
    parts.modelClass.set(uid, action.class)
    parts.modelLength.set(uid, action.sequenceLength)
    parts.modelAt.set(uid, work.height)
    parts.modelEpoch.set(uid, epoch + 1)
    work.events.push({ type: 'model_committed', netuid, uid, hotkey: signer.hex, root: toHex(action.root) })
  }
}
