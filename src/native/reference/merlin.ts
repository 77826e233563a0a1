/**
 * The part of a Merlin transcript (merlin.cool, over STROBE-128/1600) that hard derivation of sr25519 needs: messages in,
 * challenge bytes out. Every operation is kept short enough for what the derivation feeds it; nothing is keyed.
 */
import { keccakP } from '@noble/hashes/sha3.js'
import { concat, u32le, utf8 } from '../../protocol/bytes.ts'

const STATE_BYTES = 200
/** Bytes of the state that data go through: 1600 bits less twice the security level, less two bytes of framing. */
const RATE = 166
const FLAG_A = 2
const FLAG_META = 16
const FLAGS_PRF = 1 | FLAG_A | 4

export class Transcript {
  readonly #words = new Uint32Array(STATE_BYTES / 4)
  readonly #state = new Uint8Array(this.#words.buffer)
  #position = 0
  #begin = 0

  constructor(label: string) {
    this.#state.set([1, RATE + 2, 1, 0, 1, 96])
    this.#state.set(utf8('STROBEv1.0.2'), 6)
    keccakP(this.#words)
    this.#operate(FLAG_META | FLAG_A, utf8('Merlin v1.0'))
    this.append('dom-sep', utf8(label))
  }

  append(label: string, message: Uint8Array): void {
    this.#operate(FLAG_META | FLAG_A, concat(utf8(label), u32le(message.length)))
    this.#operate(FLAG_A, message)
  }

  challenge(label: string, length: number): Uint8Array {
    this.#operate(FLAG_META | FLAG_A, concat(utf8(label), u32le(length)))
    this.#operate(FLAGS_PRF, new Uint8Array(0))
    const out = new Uint8Array(length)
    for (let i = 0; i < length; i++) {
      out[i] = this.#state[this.#position] ?? 0
      this.#state[this.#position] = 0
      this.#advance()
    }
    return out
  }

  wipe(): void {
    this.#state.fill(0)
  }

  #operate(flags: number, data: Uint8Array): void {
    const before = this.#begin
    this.#begin = this.#position + 1
    this.#absorb(Uint8Array.of(before, flags))
    if (flags === FLAGS_PRF && this.#position !== 0) this.#permute()
    this.#absorb(data)
  }

  #absorb(data: Uint8Array): void {
    for (const byte of data) {
      this.#xor(this.#position, byte)
      this.#advance()
    }
  }

  #advance(): void {
    this.#position++
    if (this.#position === RATE) this.#permute()
  }

  #permute(): void {
    this.#xor(this.#position, this.#begin)
    this.#xor(this.#position + 1, 0x04)
    this.#xor(RATE + 1, 0x80)
    keccakP(this.#words)
    this.#position = 0
    this.#begin = 0
  }

  #xor(index: number, byte: number): void {
    this.#state[index] = (this.#state[index] ?? 0) ^ byte
  }
}
