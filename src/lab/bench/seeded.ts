/** Inputs that follow from a seed on every machine: AES-256-CTR keyed by SHA-256 of seed and label, as numbers of all kinds. */
import { createCipheriv } from 'node:crypto'
import { concat, utf8 } from '../../protocol/bytes.ts'
import { sha256 } from '../../protocol/hash.ts'

/** `length` bytes of (seed, label); the buffer behind them is their own. */
export function seededBytes(seed: Uint8Array, label: string, length: number): Uint8Array<ArrayBuffer> {
  const cipher = createCipheriv('aes-256-ctr', sha256(concat(seed, utf8(label))), new Uint8Array(16))
  const out = new Uint8Array(length)
  out.set(cipher.update(new Uint8Array(length)))
  return out
}

/** Whole numbers in 0..below-1; `below` at most 65,536, so the bias is no matter for timing. */
export function seededBelow(seed: Uint8Array, label: string, length: number, below: number): Uint16Array<ArrayBuffer> {
  const raw = new Uint32Array(seededBytes(seed, label, 4 * length).buffer)
  return Uint16Array.from(raw, (value) => Math.floor((value / 2 ** 32) * below))
}

/** Numbers in [-limit, limit), evenly spread, rounded to binary32. */
export function seededFloats(seed: Uint8Array, label: string, length: number, limit: number): Float32Array<ArrayBuffer> {
  const raw = new Int32Array(seededBytes(seed, label, 4 * length).buffer)
  const scale = limit / 2 ** 31
  const out = new Float32Array(length)
  for (let i = 0; i < length; i++) out[i] = (raw[i] ?? 0) * scale
  return out
}
