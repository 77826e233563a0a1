/** Where an expert keeps what it has learnt, so that a second start goes on instead of beginning again. */
import { concat, equal, u32le, utf8 } from '../protocol/bytes.ts'
import { NodeError } from '../protocol/errors.ts'
import { blake3 } from '../protocol/hash.ts'
import type { ModelSpec } from '../protocol/ports/compute.ts'
import type { RecordTable } from '../protocol/ports/records.ts'

export interface Checkpoint {
  /** Training steps behind these weights. */
  done: number
  /** Safetensors bytes, as `Model.save` gives them. */
  weights: Uint8Array
}
export interface CheckpointStore {
  /** The newest checkpoint, null when there is none. @throws NodeError EXPERTS_CHECKPOINT_OTHER when it is of another spec */
  load(spec: ModelSpec): Promise<Checkpoint | null>
  /** Durable when it resolves. */
  save(spec: ModelSpec, checkpoint: Checkpoint): Promise<void>
}

const FORM = 1
const HEADER_BYTES = 1 + 4 + 32

/** One checkpoint in one row of a record table: form u8 ‖ done u32 ‖ H(spec) B32 ‖ weights. */
export function recordCheckpoints(table: Pick<RecordTable, 'get' | 'put'>, key: string): CheckpointStore {
  return {
    async load(spec) {
      const row = await table.get(key)
      if (row === null) return null
      if (row.length <= HEADER_BYTES || row[0] !== FORM) throw new NodeError('EXPERTS_CHECKPOINT_OTHER', { detail: 'unknown form' })
      if (!equal(row.subarray(5, HEADER_BYTES), specHash(spec))) throw new NodeError('EXPERTS_CHECKPOINT_OTHER', { detail: spec.kind })
      return { done: new DataView(row.buffer, row.byteOffset).getUint32(1, true), weights: row.slice(HEADER_BYTES) }
    },
    async save(spec, { done, weights }) {
      await table.put(key, concat(Uint8Array.of(FORM), u32le(done), specHash(spec), weights))
    },
  }
}

/** Order of keys does not matter; the artefact of a fallback counts by its hash. */
function specHash(spec: ModelSpec): Uint8Array {
  const fields = Object.entries(spec).map(
    ([name, value]) => `${name}=${value instanceof Uint8Array ? Buffer.from(blake3(value)).toString('hex') : value}`,
  )
  return blake3(utf8(fields.sort().join('\n')))
}
