/** The bytes of one completion: the visible end of the prompt, what was answered, and a draft that may turn out wrong. */

export class Text {
  readonly #bytes: Uint8Array
  #length: number
  #drafted = 0

  /** @param room answered and drafted bytes it must hold beside the prompt */
  constructor(prompt: Uint8Array, room: number) {
    this.#bytes = new Uint8Array(prompt.length + room)
    this.#bytes.set(prompt)
    this.#length = prompt.length
  }

  /** Sure bytes; the position of the next one. */
  get length(): number {
    return this.#length
  }

  /** Sure and drafted bytes. */
  get end(): number {
    return this.#length + this.#drafted
  }

  at(position: number): number {
    return this.#bytes[position] ?? 0
  }

  /** A copy of bytes from..to, drafted ones included. */
  slice(from: number, to: number): Uint8Array {
    return this.#bytes.slice(from, Math.min(to, this.end))
  }

  /** Puts a draft behind the sure bytes, in place of an earlier one. */
  draft(bytes: Uint8Array): void {
    this.#bytes.set(bytes, this.#length)
    this.#drafted = bytes.length
  }

  /** Appends a sure byte. @returns whether the draft foresaw it; if not, the draft is gone */
  push(byte: number): boolean {
    const foreseen = this.#drafted > 0 && this.#bytes[this.#length] === byte
    this.#bytes[this.#length] = byte
    this.#length += 1
    this.#drafted = foreseen ? this.#drafted - 1 : 0
    return foreseen
  }
}
