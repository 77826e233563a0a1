/** Points of peers that misbehave (wire.md 1.7): they halve every 10 minutes; at 50 the peer is refused for 15 minutes. */
import type { Hex } from '../protocol/bytes.ts'
import type { Clock } from '../protocol/ports/platform.ts'

const POINTS_MAX = 50
const HALF_LIFE_MS = 600_000
const REFUSED_MS = 900_000
/** Peers remembered: a new peer id is free, so the smallest record goes first. */
const PEERS_MAX = 1024

interface Standing {
  points: number
  at: number
  refusedUntil: number
}

export class Penalties {
  readonly #clock: Pick<Clock, 'monotonic'>
  readonly #peers = new Map<Hex, Standing>()

  constructor(clock: Pick<Clock, 'monotonic'>) {
    this.#clock = clock
  }

  /** Adds points. @returns whether the peer must be disconnected now */
  add(peer: Hex, points: number): boolean {
    if (points === 0) return this.isRefused(peer)
    const now = this.#clock.monotonic()
    const standing = { points: this.points(peer) + points, at: now, refusedUntil: this.#peers.get(peer)?.refusedUntil ?? 0 }
    if (standing.points >= POINTS_MAX) Object.assign(standing, { points: 0, refusedUntil: now + REFUSED_MS })
    if (!this.#peers.has(peer) && this.#peers.size >= PEERS_MAX) this.#forgetOne()
    this.#peers.set(peer, standing)
    return this.isRefused(peer)
  }

  /** Points of a peer as of now. */
  points(peer: Hex): number {
    const standing = this.#peers.get(peer)
    return standing === undefined ? 0 : standing.points * 0.5 ** ((this.#clock.monotonic() - standing.at) / HALF_LIFE_MS)
  }

  isRefused(peer: Hex): boolean {
    return (this.#peers.get(peer)?.refusedUntil ?? 0) > this.#clock.monotonic()
  }

  #forgetOne(): void {
    let least: [peer: Hex, weight: number] | undefined
    for (const peer of this.#peers.keys()) {
      const weight = this.points(peer) + (this.isRefused(peer) ? POINTS_MAX : 0)
      if (least === undefined || weight < least[1]) least = [peer, weight]
    }
    if (least !== undefined) this.#peers.delete(least[0])
  }
}
