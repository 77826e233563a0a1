/**
 * What one list of evidence adds up to: statistics after each pass, positions served and answers that were no honest
 * failure, and from these the weights at its end. Validator and replay run the same code.
 */
import { toHex } from '../protocol/bytes.ts'
import type { AnswerStatus } from '../protocol/evidence.ts'
import { weightsRow } from './pay.ts'
import { addCausal, addStep, estimate, freshStatistics } from './statistics.ts'
import type { Statistics } from './statistics.ts'

/** Malformed or wrong steps of one epoch that end it for the peer. */
export const STRIKES_MAX = 3

export interface PeerTally {
  served: number
  strikes: number
}
export type Tally = Map<number, PeerTally>

/** One game's outcome for one peer. */
export interface PeerStep {
  uid: number
  hotkey: Uint8Array
  phi: bigint
  status: AnswerStatus
  deviations: readonly number[]
}

/** Adds a game: every peer was asked `positions` positions. Maps are changed in place. */
export function addGame(statistics: Statistics, tally: Tally, positions: number, peers: readonly PeerStep[]): void {
  for (const { uid, hotkey, phi, status, deviations } of peers) {
    const key = toHex(hotkey)
    const before = statistics.get(uid)
    let peer = before?.hotkey === key ? before : freshStatistics(key)
    peer = addStep(peer, phi, status === 'in time')
    for (const value of deviations) peer = addCausal(peer, value)
    statistics.set(uid, peer)
    const { served, strikes } = tally.get(uid) ?? { served: 0, strikes: 0 }
    const dishonest = status === 'malformed' || status === 'wrong'
    tally.set(uid, { served: served + (status === 'in time' ? positions : 0), strikes: strikes + (dishonest ? 1 : 0) })
  }
}

/** A peer that is invited no more until the next list begins. */
export const isOut = (tally: Tally, uid: number): boolean => (tally.get(uid)?.strikes ?? 0) >= STRIKES_MAX

/** The row to commit: the peers of this list, in uid order. Empty while nobody has earned anything. */
export function weightsOf(statistics: Statistics, tally: Tally): { uids: Uint16Array; values: Uint16Array } {
  const peers = [...tally]
    .toSorted(([a], [b]) => a - b)
    .flatMap(([uid, { served, strikes }]) => {
      const peer = statistics.get(uid)
      if (peer === undefined) return []
      const { lcb, uptime } = estimate(peer)
      return [{ uid, score: strikes >= STRIKES_MAX || peer.causalFailed ? 0 : lcb, uptime, served }]
    })
  return weightsRow(peers)
}
