/** An object of parts as one SSZ container: fork, root, bytes and back, in the order of its shape. */
import { NodeError } from '../../protocol/errors.ts'
import { decodePart } from './layout.ts'
import type { Part, PartsOf, Shape } from './layout.ts'
import { depthOf, merkleRoot } from './merkle.ts'

export type Shapes = Readonly<Record<string, Shape>>
const listOf = (parts: object): Part[] => Object.values(parts) as Part[]

export const forkParts = <P extends object>(parts: P): P =>
  Object.fromEntries(Object.entries(parts).map(([name, part]: [string, Part]) => [name, part.fork()])) as P

/** Root of an SSZ container of these roots. */
export function rootOfRoots(roots: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(32 * roots.length)
  for (const [i, root] of roots.entries()) bytes.set(root, 32 * i)
  return merkleRoot(bytes, depthOf(roots.length))
}

export const rootOfParts = (parts: object): Uint8Array => rootOfRoots(listOf(parts).map((part) => part.root()))

/** SSZ of a container whose fields all have a variable size: offsets, then the fields. */
export function joinFields(fields: readonly Uint8Array[]): Uint8Array {
  const out = new Uint8Array(fields.reduce((sum, field) => sum + 4 + field.length, 0))
  const view = new DataView(out.buffer)
  let at = 4 * fields.length
  for (const [i, field] of fields.entries()) {
    view.setUint32(4 * i, at, true)
    out.set(field, at)
    at += field.length
  }
  return out
}

/** A record of fixed size lies in front, in its place; everything else behind an offset. */
const fixedBytes = (shape: Shape): number | null => (shape.kind === 'record' ? shape.type.fixedSize : null)

export function encodeParts(shapes: Shapes, parts: object): Uint8Array {
  const named = parts as Record<string, Part>
  const front = Object.values(shapes).reduce((sum, shape) => sum + (fixedBytes(shape) ?? 4), 0)
  const sizes = Object.entries(shapes).map(([name, shape]) => (fixedBytes(shape) === null ? (named[name]?.byteLength ?? 0) : 0))
  const out = new Uint8Array(sizes.reduce((sum, size) => sum + size, front))
  const view = new DataView(out.buffer)
  let at = 0
  let end = front
  for (const [i, [name, shape]] of Object.entries(shapes).entries()) {
    const fixed = fixedBytes(shape)
    if (fixed === null) view.setUint32(at, end, true)
    named[name]?.writeTo(out, fixed === null ? end : at)
    at += fixed ?? 4
    end += sizes[i] ?? 0
  }
  return out
}

/** @throws NodeError LEDGER_STATE for bytes that are not exact */
export function decodeParts<S extends Shapes>(shapes: S, bytes: Uint8Array): PartsOf<S> {
  const wrong = (): never => {
    throw new NodeError('LEDGER_STATE', { detail: 'a container does not parse' })
  }
  const front = Object.values(shapes).reduce((sum, shape) => sum + (fixedBytes(shape) ?? 4), 0)
  if (bytes.length < front) wrong()
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  const starts: number[] = []
  let at = 0
  for (const shape of Object.values(shapes)) {
    if (fixedBytes(shape) === null) starts.push(view.getUint32(at, true))
    at += fixedBytes(shape) ?? 4
  }
  const ends = [...starts.slice(1), bytes.length]
  if (starts.length > 0 && starts[0] !== front) wrong()
  if (starts.some((start, i) => start > (ends[i] ?? 0) || start > bytes.length)) wrong()
  at = 0
  let variable = 0
  const parts = Object.entries(shapes).map(([name, shape]) => {
    const fixed = fixedBytes(shape)
    const [start = 0, end = 0] = fixed === null ? [starts[variable], ends[variable++]] : [at, at + fixed]
    at += fixed ?? 4
    return [name, decodePart(shape, bytes.subarray(start, end))]
  })
  return Object.fromEntries(parts) as PartsOf<S>
}
