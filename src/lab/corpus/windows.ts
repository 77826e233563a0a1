/**
 * A set of all 64-byte windows of a text, by rolling hash, to find held-out pieces that the training text already holds.
 * 52 bits of hash are kept per window: at 2·10⁶ windows a false match has a chance of about 10⁻⁹ per lookup.
 */
const WINDOW_BYTES = 64
/** Odd 32-bit multipliers of two independent polynomial hashes modulo 2³². */
const A = 0x9e37_79b1
const B = 0x85eb_ca77

function power(base: number, exponent: number): number {
  let value = 1
  for (let i = 0; i < exponent; i++) value = Math.imul(value, base)
  return value
}
const A_TOP = power(A, WINDOW_BYTES)
const B_TOP = power(B, WINDOW_BYTES)

/** Calls `visit` with the two 32-bit hashes of each window of `bytes`. */
function eachWindow(bytes: Uint8Array, visit: (a: number, b: number) => void): void {
  let a = 0
  let b = 0
  for (let i = 0; i < bytes.length; i++) {
    const byte = (bytes[i] ?? 0) + 1
    a = (Math.imul(a, A) + byte) | 0
    b = (Math.imul(b, B) + byte) | 0
    if (i >= WINDOW_BYTES) {
      const gone = (bytes[i - WINDOW_BYTES] ?? 0) + 1
      a = (a - Math.imul(A_TOP, gone)) | 0
      b = (b - Math.imul(B_TOP, gone)) | 0
    }
    if (i >= WINDOW_BYTES - 1) visit(a, b)
  }
}

export interface WindowSet {
  /** Share (0..1) of the windows of `bytes` that the set holds; 0 for a piece shorter than a window. */
  overlap(bytes: Uint8Array): number
}

/** The set over all windows of each of `texts` (windows do not cross from one text to the next). */
export function windowSet(texts: readonly Uint8Array[]): WindowSet {
  const windows = texts.reduce((sum, text) => sum + Math.max(0, text.length - WINDOW_BYTES + 1), 0)
  const size = 2 ** Math.ceil(Math.log2(Math.max(16, windows * 2)))
  const mask = size - 1
  const firsts = new Uint32Array(size)
  const seconds = new Uint32Array(size)
  /** Slot of a window, or of the free place where it would go; slots with 0, 0 are free. */
  const slot = (a: number, b: number): number => {
    let at = (a ^ (a >>> 15)) & mask
    while ((firsts[at] !== a || seconds[at] !== b) && (firsts[at] !== 0 || seconds[at] !== 0)) at = (at + 1) & mask
    return at
  }
  for (const text of texts)
    eachWindow(text, (a, b) => {
      const at = slot(a >>> 0, b >>> 0)
      firsts[at] = a
      seconds[at] = b
    })
  return {
    overlap(bytes) {
      let all = 0
      let known = 0
      eachWindow(bytes, (a, b) => {
        all++
        const at = slot(a >>> 0, b >>> 0)
        if (firsts[at] !== 0 || seconds[at] !== 0) known++
      })
      return all === 0 ? 0 : known / all
    },
  }
}
