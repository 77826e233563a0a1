/** The commitment of a validator to a row of weights (ledger.md, Weights). */
import { ContainerType, ListBasicType } from '@chainsafe/ssz'
import { B32, encodeCanonical, u16, u64 } from './canonical.ts'
import { sha256 } from './hash.ts'
import { NEURONS_MAX } from './ledger-limits.ts'

const type = new ContainerType({
  genesis: B32,
  netuid: u16,
  hotkey: B32,
  epoch: u64,
  uids: new ListBasicType(u16, NEURONS_MAX),
  values: new ListBasicType(u16, NEURONS_MAX),
  salt: B32,
  evidence: B32,
})

/** What a commitment binds: keys and hashes of 32 bytes, as many uids as values. */
export interface WeightsRow {
  genesis: Uint8Array
  netuid: number
  hotkey: Uint8Array
  epoch: bigint
  uids: Uint16Array
  values: Uint16Array
  salt: Uint8Array
  evidence: Uint8Array
}

/** H(SSZ(genesis, netuid, hotkey, epoch, uids, values, salt, evidence)), 32 bytes. @throws NodeError LEDGER_MALFORMED */
export const weightsCommitment = (row: WeightsRow): Uint8Array =>
  sha256(encodeCanonical(type, { ...row, uids: [...row.uids], values: [...row.values] }, 'row of weights'))
