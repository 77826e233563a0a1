/**
 * Who plays with whom (mixture.md 4.1): each pass cuts a fresh random permutation of the peers into games, so that routing
 * never decides who is scored. Sizes differ by one at most.
 */
import { u32le } from '../protocol/bytes.ts'
import { label, PrfStream } from '../protocol/prf.ts'

/** Independents of one exact game; more are possible up to 16 identities with followers. */
export const GAME_INDEPENDENTS_MAX = 12

/** @param peers uids in increasing order @returns games of uids, each in increasing order */
export function games(seed: Uint8Array, pass: number, peers: readonly number[], independentsMax = GAME_INDEPENDENTS_MAX): number[][] {
  if (peers.length === 0) return []
  const order = new PrfStream(seed, label('games', u32le(pass))).permutation(peers.length)
  const count = Math.ceil(peers.length / independentsMax)
  const cut = Array.from({ length: count }, (): number[] => [])
  for (const [place, index] of order.entries()) cut[place % count]?.push(peers[index] as number)
  return cut.map((uids) => uids.toSorted((a, b) => a - b))
}
