/**
 * Which nonces of one caller on one connection were used (wire.md 1.4, check 7): the highest, and a bitmap of the 1 024
 * below and up to it. 136 bytes, whatever is sent; it dies with the connection, whose channel no other one has.
 */
import { REPLAY_WINDOW } from '../protocol/wire-limits.ts'

export class ReplayWindow {
  readonly #bits = new Uint32Array(REPLAY_WINDOW / 32)
  #highest = 0

  /** Whether a nonce may still be used. Looks only: nothing changes before the signature is verified. */
  isFresh(nonce: number): boolean {
    if (!Number.isSafeInteger(nonce) || nonce < 1) return false
    if (nonce > this.#highest) return true
    if (nonce <= this.#highest - REPLAY_WINDOW) return false
    return (this.#word(nonce) & this.#bit(nonce)) === 0
  }

  /** Marks a fresh nonce as used. */
  use(nonce: number): void {
    if (nonce > this.#highest) this.#slide(nonce)
    const slot = nonce % REPLAY_WINDOW
    this.#bits[slot >>> 5] = this.#word(nonce) | this.#bit(nonce)
  }

  /** Clears the slots that a new highest nonce takes over. */
  #slide(nonce: number): void {
    if (nonce - this.#highest >= REPLAY_WINDOW) this.#bits.fill(0)
    else
      for (let skipped = this.#highest + 1; skipped <= nonce; skipped++) {
        const slot = skipped % REPLAY_WINDOW
        this.#bits[slot >>> 5] = this.#word(skipped) & ~this.#bit(skipped)
      }
    this.#highest = nonce
  }

  #word(nonce: number): number {
    return this.#bits[(nonce % REPLAY_WINDOW) >>> 5] as number
  }

  #bit(nonce: number): number {
    return 1 << (nonce % 32)
  }
}
