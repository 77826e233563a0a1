/** Recomputes a validator's scores of an epoch from its public evidence (mixture.md 6.7), as any node can. */
import { fromHex, type Hex } from '../protocol/bytes.ts'
import { NodeError } from '../protocol/errors.ts'
import { decodeEvidenceSummary, encodeEvidenceRequest } from '../protocol/evidence.ts'
import type { Compute, Model } from '../protocol/ports/compute.ts'
import type { Ledger } from '../protocol/ports/ledger.ts'
import type { Network } from '../protocol/ports/network.ts'
import type { AuditReport } from '../protocol/ports/node-info.ts'
import { replay } from '../scoring/replay.ts'

const CALL_MS = 30_000
/** Records asked for in one call; the answer may hold fewer. */
const CALL_RECORDS = 4_096
/** All records of an epoch that are taken before an audit gives up. */
const RECORDS_BYTES_MAX = 512 * 2 ** 20
const BLOCKS_PER_QUERY = 100

export interface AuditParts {
  ledger: Ledger
  /** Of a registered or allow-listed hotkey. */
  network: Pick<Network, 'call'>
  compute: Pick<Compute, 'mixture'>
  fallback: Pick<Model, 'predict'>
}

/** The evidence root that the ledger kept with the reveal of that epoch's weights. */
async function rootOnLedger(netuid: number, epoch: bigint, hotkey: Hex, ledger: Ledger): Promise<Uint8Array> {
  const { height } = await ledger.query('head')
  for (let to = height; to > 0; to -= BLOCKS_PER_QUERY) {
    const from = Math.max(1, to - BLOCKS_PER_QUERY + 1)
    for (const { events } of await ledger.query('blocks', from, to - from + 1))
      for (const event of events)
        if (event.type === 'weights_revealed' && event.netuid === netuid && event.epoch === epoch && event.hotkey === hotkey)
          return fromHex(event.evidence)
  }
  throw new NodeError('LEDGER_NOT_FOUND', { what: `weights of that validator for epoch ${epoch}` })
}

/** @throws NodeError LEDGER_NOT_FOUND, VALIDATOR_NO_EVIDENCE, WIRE_* when the validator does not answer */
export async function audit(
  { netuid, epoch, validator }: { netuid: number; epoch: bigint; validator: Hex },
  parts: AuditParts,
): Promise<AuditReport> {
  const { ledger, network, compute, fallback } = parts
  const [neuron, market] = await Promise.all([ledger.query('neuronOf', netuid, validator), ledger.query('market', netuid)])
  if (neuron === null) throw new NodeError('LEDGER_NOT_FOUND', { what: `neuron of that hotkey in market ${netuid}` })
  const root = await rootOnLedger(netuid, epoch, validator, ledger)
  const records: Uint8Array[] = []
  let bytes = 0
  for (;;) {
    const body = encodeEvidenceRequest({ epoch, first: records.length, count: CALL_RECORDS })
    const target = { hotkey: fromHex(validator), addresses: neuron.addresses }
    const answer = await network.call(target, 'data.evidence', body, { netuid, deadlineMs: CALL_MS })
    const summary = decodeEvidenceSummary(answer.body)
    records.push(...answer.chunks)
    bytes += answer.chunks.reduce((sum, one) => sum + one.length, 0)
    if (bytes > RECORDS_BYTES_MAX) throw new NodeError('NODE_ROLE_FAILED', { detail: 'the evidence is too large to audit' })
    if (answer.chunks.length > 0 && records.length < summary.total) continue
    const { sequenceLength: length, fallbackRoot, baseRoot } = market
    const {
      rootOk,
      phiOk,
      weightsOk,
      firstDifference,
      records: read,
    } = await replay(
      { records, root, seed: summary.seed, statistics: summary.statistics, parameters: { length, fallbackRoot, baseRoot } },
      { mixture: compute.mixture, fallback },
    )
    return { records: read, rootOk, phiOk, weightsOk, firstDifference }
  }
}
