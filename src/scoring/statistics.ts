/**
 * What a validator keeps of each peer (mixture.md 4.2): decayed sums of its scores, from which the lower confidence bound
 * that is paid follows; its uptime; and the causality statistic of 6.2. Binary64 with + - * / and square root in a fixed
 * order, so that a replay has the same bits.
 */
import { ByteVectorType, ContainerType, ListCompositeType, UintBigintType, UintNumberType } from '@chainsafe/ssz'
import { toHex } from '../protocol/bytes.ts'
import type { Hex } from '../protocol/bytes.ts'
import { blake3 } from '../protocol/hash.ts'
import { sszCodec } from '../protocol/ssz-codec.ts'

/** Weight of a new step. */
export const ALPHA = 0.02
/** Standard deviations below the mean at which a peer is paid. */
export const LCB_SIGMAS = 2
/** Below this many effective steps nobody is paid: that is before the third. */
export const EFFECTIVE_STEPS_MIN = 2.5
/** A stored phi is phi * 2^32. */
export const PHI_ONE = 2 ** 32
/** Causality (6.2): Z above this fails, looked at when this many positions are passed; the sum starts anew after the last. */
export const CAUSALITY_Z_FAIL = 4
export const CAUSALITY_LOOKS: readonly number[] = [200, 1_000, 4_000]

export interface PeerStatistics {
  /** Whom the uid stood for: another hotkey begins anew. */
  hotkey: Hex
  s0: number
  s1: number
  s2: number
  q: number
  /** Decayed sum of steps answered in time; uptime = up / s0. */
  up: number
  /** Tested positions and sum of z/sqrt(V) so far; `failed` once Z was too high at a look. */
  causalPositions: number
  causalSum: number
  causalFailed: boolean
}
export type Statistics = Map<number, PeerStatistics>

export const freshStatistics = (hotkey: Hex): PeerStatistics => ({
  hotkey,
  s0: 0,
  s1: 0,
  s2: 0,
  q: 0,
  up: 0,
  causalPositions: 0,
  causalSum: 0,
  causalFailed: false,
})

/** One step to which the peer was invited: its phi (i64, * 2^32) and whether it answered in time. A failed step has phi 0. */
export function addStep(peer: PeerStatistics, phi: bigint, inTime: boolean): PeerStatistics {
  const value = Number(phi) / PHI_ONE
  const keep = 1 - ALPHA
  return {
    ...peer,
    s0: keep * peer.s0 + 1,
    s1: keep * peer.s1 + value,
    s2: keep * peer.s2 + value * value,
    q: keep * keep * peer.q + 1,
    up: keep * peer.up + (inTime ? 1 : 0),
  }
}

export interface Estimate {
  mean: number
  /** Steps that the decayed sums are worth. */
  effectiveSteps: number
  /** The paid score s: max(0, mean - z * sqrt(var / n_eff)), 0 before the third step. */
  lcb: number
  /** Share of steps answered in time, 0..1, decayed like the scores. */
  uptime: number
}

export function estimate(peer: PeerStatistics): Estimate {
  if (peer.s0 === 0) return { mean: 0, effectiveSteps: 0, lcb: 0, uptime: 0 }
  const mean = peer.s1 / peer.s0
  const effectiveSteps = (peer.s0 * peer.s0) / peer.q
  const uptime = peer.up / peer.s0
  if (effectiveSteps < EFFECTIVE_STEPS_MIN) return { mean, effectiveSteps, lcb: 0, uptime }
  const spread = Math.max(0, peer.s2 / peer.s0 - mean * mean)
  const variance = (spread * effectiveSteps) / (effectiveSteps - 1)
  const lcb = Math.max(0, mean - LCB_SIGMAS * Math.sqrt(variance / effectiveSteps))
  return { mean, effectiveSteps, lcb, uptime }
}

/** Adds one tested position of 6.2: `deviation` = z/sqrt(V). At a look, Z > 4 fails the peer; after the last the sum starts anew. */
export function addCausal(peer: PeerStatistics, deviation: number): PeerStatistics {
  const positions = peer.causalPositions + 1
  const sum = peer.causalSum + deviation
  const looked = CAUSALITY_LOOKS.includes(positions)
  const failed = peer.causalFailed || (looked && sum / Math.sqrt(positions) > CAUSALITY_Z_FAIL)
  const over = positions >= (CAUSALITY_LOOKS.at(-1) as number)
  return { ...peer, causalPositions: over ? 0 : positions, causalSum: over ? 0 : sum, causalFailed: failed }
}

const bits = new UintBigintType(8)
const codec = sszCodec(
  'statistics',
  new ListCompositeType(
    new ContainerType({
      uid: new UintNumberType(2),
      hotkey: new ByteVectorType(32),
      s0: bits,
      s1: bits,
      s2: bits,
      q: bits,
      up: bits,
      causalPositions: new UintNumberType(2),
      causalSum: bits,
      causalFailed: new UintNumberType(1),
    }),
    4_096,
  ),
)
const view = new DataView(new ArrayBuffer(8))
function toBits(value: number): bigint {
  view.setFloat64(0, value)
  return view.getBigUint64(0)
}
function fromBits(value: bigint): number {
  view.setBigUint64(0, value)
  return view.getFloat64(0)
}

/** Canonical bytes: SSZ list in uid order, each binary64 as its bits. */
export const encodeStatistics = (statistics: Statistics): Uint8Array =>
  codec.encode(
    [...statistics.entries()]
      .toSorted(([a], [b]) => a - b)
      .map(([uid, peer]) => ({
        uid,
        hotkey: Buffer.from(peer.hotkey, 'hex'),
        s0: toBits(peer.s0),
        s1: toBits(peer.s1),
        s2: toBits(peer.s2),
        q: toBits(peer.q),
        up: toBits(peer.up),
        causalPositions: peer.causalPositions,
        causalSum: toBits(peer.causalSum),
        causalFailed: peer.causalFailed ? 1 : 0,
      })),
  )

/** @throws NodeError MESSAGE_MALFORMED */
export function decodeStatistics(bytes: Uint8Array): Statistics {
  const statistics: Statistics = new Map()
  for (const row of codec.decode(bytes)) {
    statistics.set(row.uid, {
      hotkey: toHex(row.hotkey),
      s0: fromBits(row.s0),
      s1: fromBits(row.s1),
      s2: fromBits(row.s2),
      q: fromBits(row.q),
      up: fromBits(row.up),
      causalPositions: row.causalPositions,
      causalSum: fromBits(row.causalSum),
      causalFailed: row.causalFailed === 1,
    })
  }
  return statistics
}

/** H of all statistics, as records 0 and 6 carry it. */
export const statisticsHash = (statistics: Statistics): Uint8Array => blake3(encodeStatistics(statistics))
