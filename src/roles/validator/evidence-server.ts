/** Serves `data.evidence` (mixture.md 2.6): the records of an epoch once its weights are revealed, one per Chunk. */
import { ByteListType, ByteVectorType, ContainerType, UintNumberType } from '@chainsafe/ssz'
import { NodeError } from '../../protocol/errors.ts'
import { decodeEvidenceRequest, encodeEvidenceSummary, evidenceRule, STATISTICS_BYTES_MAX } from '../../protocol/evidence.ts'
import type { Network } from '../../protocol/ports/network.ts'
import type { RecordTable } from '../../protocol/ports/records.ts'
import { sszCodec } from '../../protocol/ssz-codec.ts'
import type { EvidenceLog, PendingWeights } from './evidence-log.ts'

/** Epochs of which the place of the records is kept. */
export const EPOCHS_MAX = 10_000
/** What one answer carries of records; the rest of its cap is for the statistics. */
const ANSWER_RECORD_BYTES_MAX = 6 * 1_048_576

interface Place {
  first: number
  count: number
  seed: Uint8Array
  root: Uint8Array
  before: Uint8Array
}
const B32 = new ByteVectorType(32)
const placeCodec = sszCodec<Place>(
  'place of evidence',
  new ContainerType({
    first: new UintNumberType(8),
    count: new UintNumberType(4),
    seed: B32,
    root: B32,
    before: new ByteListType(STATISTICS_BYTES_MAX),
  }),
)
const keyOf = (epoch: bigint): string => epoch.toString().padStart(20, '0')

export class EvidenceShelf {
  readonly #table: RecordTable
  readonly #log: Pick<EvidenceLog, 'read'>

  constructor(parts: { table: RecordTable; log: Pick<EvidenceLog, 'read'> }) {
    this.#table = parts.table
    this.#log = parts.log
  }

  /** Makes the evidence of a revealed row public. */
  async publish({ epoch, first, count, seed, root, before }: PendingWeights): Promise<void> {
    await this.#table.put(keyOf(epoch), placeCodec.encode({ first, count, seed, root, before }))
  }

  /** Registers the method for one market. */
  serve(netuid: number, network: Pick<Network, 'serve'>): void {
    network.serve('data.evidence', evidenceRule, async (call) => {
      const { epoch, first, count } = decodeEvidenceRequest(call.body)
      const bytes = call.netuid === netuid ? await this.#table.get(keyOf(epoch)) : null
      if (bytes === null) throw new NodeError('VALIDATOR_NO_EVIDENCE', { epoch })
      const place = placeCodec.decode(bytes)
      const records = await this.#log.read(place, first, count, ANSWER_RECORD_BYTES_MAX)
      for (const record of records) await call.chunk(record)
      const { seed, root, before } = place
      return encodeEvidenceSummary({ total: place.count, sent: records.length, seed, root, statistics: before })
    })
  }
}
