/** Where an expert keeps what it has learnt, so that a second start goes on instead of beginning again. */
import { createHash } from 'node:crypto'
import { concat, equal, u32le, utf8 } from '../protocol/bytes.ts'
import { NodeError } from '../protocol/errors.ts'
import type { ModelSpec } from '../protocol/ports/compute.ts'
import type { RecordTable } from '../protocol/ports/records.ts'

interface Checkpoint {
  /** Training steps behind these weights. */
  done: number
  /** Safetensors bytes, as `Model.save` gives them. */
  weights: Uint8Array
}
export interface CheckpointStore {
  /** The newest checkpoint, null when there is none. @throws NodeError EXPERTS_CHECKPOINT_OTHER when it is damaged or of another spec */
  load(spec: ModelSpec): Promise<Checkpoint | null>
  /** Durable when it resolves; until then the one before stays. */
  save(spec: ModelSpec, checkpoint: Checkpoint): Promise<void>
}

const FORM = 1
const HEADER_BYTES = 1 + 1 + 4 + 4 + 32 + 32
/** Bytes of weights in one row: half of what a record may hold. */
const PART_BYTES = 8 * 2 ** 20

/**
 * Rows of a record table: `<key>` = form u8 ‖ slot u8 ‖ done u32 ‖ length u32 ‖ H(spec) B32 ‖ H(weights) B32, and the weights in
 * `<key>/<slot>/<part>`. The head row is written last and the slots take turns, so a crash leaves the checkpoint before.
 */
export function recordCheckpoints(table: Pick<RecordTable, 'get' | 'put'>, key: string): CheckpointStore {
  return {
    async load(spec) {
      const head = await table.get(key)
      if (head === null) return null
      const { slot, done, length } = readHead(head, spec)
      const parts: Uint8Array[] = []
      for (let part = 0; part * PART_BYTES < length; part++) {
        const row = await table.get(partKey(key, slot, part))
        if (row === null) throw other('a part is missing')
        parts.push(row)
      }
      const weights = concat(...parts)
      if (weights.length !== length || !equal(hash(weights), head.subarray(42, HEADER_BYTES))) throw other('it is damaged')
      return { done, weights }
    },
    async save(spec, { done, weights }) {
      const before = await table.get(key)
      const slot = before?.[1] === 0 ? 1 : 0
      for (let part = 0; part * PART_BYTES < weights.length; part++) {
        await table.put(partKey(key, slot, part), weights.slice(part * PART_BYTES, (part + 1) * PART_BYTES))
      }
      await table.put(key, concat(Uint8Array.of(FORM, slot), u32le(done), u32le(weights.length), specHash(spec), hash(weights)))
    },
  }
}

function readHead(head: Uint8Array, spec: ModelSpec): { slot: number; done: number; length: number } {
  if (head.length !== HEADER_BYTES || head[0] !== FORM) throw other('its form is unknown')
  if (!equal(head.subarray(10, 42), specHash(spec))) throw other(spec.kind)
  const view = new DataView(head.buffer, head.byteOffset)
  return { slot: head[1] ?? 0, done: view.getUint32(2, true), length: view.getUint32(6, true) }
}

/** Native: a checkpoint has megabytes, and they are hashed on the thread that answers. */
const hash = (bytes: Uint8Array): Uint8Array => new Uint8Array(createHash('sha256').update(bytes).digest())
const partKey = (key: string, slot: number, part: number): string => `${key}/${slot}/${part}`
const other = (detail: string): NodeError => new NodeError('EXPERTS_CHECKPOINT_OTHER', { detail })

/** Order of keys does not matter; the artefact of a fallback counts by its hash. */
function specHash(spec: ModelSpec): Uint8Array {
  const fields = Object.entries(spec).map(
    ([name, value]) => `${name}=${value instanceof Uint8Array ? Buffer.from(hash(value)).toString('hex') : value}`,
  )
  return hash(utf8(fields.sort().join('\n')))
}
