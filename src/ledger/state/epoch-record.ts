/** What an epoch was computed from and gave, for explanations and history: kept beside the blocks, never hashed. */
import { ContainerType, ByteListType, UintNumberType } from '@chainsafe/ssz'
import { bool, u64, u16, u32 } from '../../protocol/canonical.ts'
import { fromHex, toHex } from '../../protocol/bytes.ts'
import type { Hex } from '../../protocol/bytes.ts'
import { NodeError } from '../../protocol/errors.ts'
import type { EpochInput, EpochOutput } from '../../protocol/ports/compute.ts'
import type { EpochSummary } from '../../protocol/ports/ledger.ts'

const roles = ['miner', 'validator', 'take', 'delegation'] as const
export interface Payout {
  uid: number
  to: Hex
  as: (typeof roles)[number]
  amount: bigint
}
export interface EpochRecord {
  summary: EpochSummary
  /** By uid. */
  hotkeys: Hex[]
  payouts: Payout[]
  /** Of the bonds nothing is kept: no explanation names them. */
  input: Pick<EpochInput, 'n' | 'stake' | 'weights' | 'lastUpdate' | 'blockAtRegistration' | 'validatorPermit'>
  output: Omit<EpochOutput, 'bonds' | 'validatorPermit' | 'pruningScores'>
}

const raw = new ByteListType(2 ** 31)
const count = new UintNumberType(8)
const lists = ['rank', 'trust', 'consensus', 'incentive', 'dividends', 'validatorTrust'] as const
const amounts = ['emission', 'serverEmission', 'validatorEmission'] as const
const type = new ContainerType({
  netuid: u16,
  epoch: u64,
  height: count,
  emission: u64,
  paid: u64,
  byWeights: bool,
  activeCount: u32,
  n: u16,
  hotkeys: raw,
  payouts: raw,
  stake: raw,
  lastUpdate: raw,
  blockAtRegistration: raw,
  permit: raw,
  active: raw,
  offsets: raw,
  uids: raw,
  values: raw,
  scores: raw,
  amounts: raw,
})
const PAYOUT_BYTES = 43

const bytesOf = (array: ArrayBufferView): Uint8Array => new Uint8Array(array.buffer, array.byteOffset, array.byteLength)
const concat = (arrays: readonly ArrayBufferView[]): Uint8Array => new Uint8Array(Buffer.concat(arrays.map(bytesOf)))
/** A copy of its own, so that it begins where a typed array may. */
const bufferOf = (bytes: Uint8Array): ArrayBuffer => bytes.slice().buffer

/** Bytes that this machine reads again: typed arrays lie as they lie in memory. */
export function encodeEpochRecord({ summary, hotkeys, payouts, input, output }: EpochRecord): Uint8Array {
  const { active: activeCount, ...facts } = summary
  const paid = Buffer.alloc(PAYOUT_BYTES * payouts.length)
  for (const [i, { uid, to, as, amount }] of payouts.entries()) {
    const at = i * PAYOUT_BYTES
    paid.writeUInt16LE(uid, at)
    paid.set(fromHex(to), at + 2)
    paid.writeUInt8(roles.indexOf(as), at + 34)
    paid.writeBigUInt64LE(amount, at + 35)
  }
  return type.serialize({
    ...facts,
    activeCount,
    n: input.n,
    hotkeys: concat(hotkeys.map(fromHex)),
    payouts: new Uint8Array(paid),
    stake: bytesOf(input.stake),
    lastUpdate: bytesOf(input.lastUpdate),
    blockAtRegistration: bytesOf(input.blockAtRegistration),
    permit: input.validatorPermit,
    active: output.active,
    offsets: bytesOf(input.weights.offsets),
    uids: bytesOf(input.weights.uids),
    values: bytesOf(input.weights.values),
    scores: concat(lists.map((name) => output[name])),
    amounts: concat(amounts.map((name) => output[name])),
  })
}

/** @throws NodeError LEDGER_MALFORMED */
export function decodeEpochRecord(bytes: Uint8Array): EpochRecord {
  try {
    return recordOf(bytes)
  } catch (cause) {
    throw new NodeError('LEDGER_MALFORMED', { what: 'record of an epoch', detail: 'it does not parse' }, { cause })
  }
}

function recordOf(bytes: Uint8Array): EpochRecord {
  const { n, activeCount, netuid, epoch, height, emission, paid, byWeights, ...value } = type.deserialize(bytes)
  const payouts = Buffer.from(value.payouts)
  const scores = new Uint16Array(bufferOf(value.scores))
  const sums = new BigUint64Array(bufferOf(value.amounts))
  const score = (name: (typeof lists)[number]): Uint16Array => scores.slice(n * lists.indexOf(name), n * (lists.indexOf(name) + 1))
  const sum = (name: (typeof amounts)[number]): BigUint64Array => sums.slice(n * amounts.indexOf(name), n * (amounts.indexOf(name) + 1))
  return {
    summary: { netuid, epoch, height, emission, paid, byWeights, active: activeCount },
    hotkeys: Array.from({ length: n }, (_, uid) => toHex(value.hotkeys.subarray(32 * uid, 32 * uid + 32))),
    payouts: Array.from({ length: payouts.length / PAYOUT_BYTES }, (_, i) => {
      const at = i * PAYOUT_BYTES
      const as = roles[payouts.readUInt8(at + 34)] ?? 'miner'
      return { uid: payouts.readUInt16LE(at), to: toHex(payouts.subarray(at + 2, at + 34)), as, amount: payouts.readBigUInt64LE(at + 35) }
    }),
    input: {
      n,
      stake: new BigUint64Array(bufferOf(value.stake)),
      lastUpdate: new BigUint64Array(bufferOf(value.lastUpdate)),
      blockAtRegistration: new BigUint64Array(bufferOf(value.blockAtRegistration)),
      validatorPermit: value.permit,
      weights: {
        offsets: new Uint32Array(bufferOf(value.offsets)),
        uids: new Uint16Array(bufferOf(value.uids)),
        values: new Uint16Array(bufferOf(value.values)),
      },
    },
    output: {
      active: value.active,
      rank: score('rank'),
      trust: score('trust'),
      consensus: score('consensus'),
      incentive: score('incentive'),
      dividends: score('dividends'),
      validatorTrust: score('validatorTrust'),
      emission: sum('emission'),
      serverEmission: sum('serverEmission'),
      validatorEmission: sum('validatorEmission'),
    },
  }
}
