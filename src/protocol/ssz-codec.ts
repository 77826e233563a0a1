/**
 * Strict canonical SSZ for what comes from a peer: the length is checked before anything is allocated, the content
 * against the type's limits, and the decoded value must encode to the very same bytes (wire.md, Conventions).
 */
import type { Type } from '@chainsafe/ssz'
import { equal } from './bytes.ts'
import { NodeError } from './errors.ts'

export interface SszCodec<T> {
  /** Most bytes that a value can take. */
  readonly bytesMax: number
  encode(value: T): Uint8Array
  /** @throws NodeError MESSAGE_MALFORMED */
  decode(bytes: Uint8Array): T
}

/** @param what names the message in errors; @param type its SSZ type */
export function sszCodec<T>(what: string, type: Type<T>): SszCodec<T> {
  const malformed = (cause?: unknown): NodeError => new NodeError('MESSAGE_MALFORMED', { what }, { cause })
  return {
    bytesMax: type.maxSize,
    encode: (value) => type.serialize(value),
    decode(bytes) {
      if (bytes.length < type.minSize || bytes.length > type.maxSize) throw malformed()
      let value: T
      try {
        value = type.deserialize(bytes)
      } catch (error) {
        throw malformed(error)
      }
      if (!equal(type.serialize(value), bytes)) throw malformed()
      return value
    },
  }
}
