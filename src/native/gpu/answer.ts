/** Headers that the GPU program sends: exactly these shapes, nothing beside them. */
import { NodeError } from '../../protocol/errors.ts'
import type { Header } from './frame.ts'

/** Longest text of an error: a driver's log belongs on stderr. */
const TEXT_MAX = 4_096
const ID_MAX = 2 ** 32 - 1

export type Answer =
  | { kind: 'progress'; id: number; done: number; total: number }
  | { kind: 'ok'; id: number; ok: Header }
  | { kind: 'error'; id: number; code: string; text: string }

const isObject = (value: unknown): value is Header => typeof value === 'object' && value !== null && !Array.isArray(value)

/** The fields of an object that has exactly these. */
function fields(value: unknown, names: readonly string[]): Header {
  if (!isObject(value)) throw new NodeError('GPU_PROTOCOL', { detail: `no object with ${names.join(', ')}` })
  const found = Object.keys(value)
  if (found.length !== names.length || !names.every((name) => Object.hasOwn(value, name)))
    throw new NodeError('GPU_PROTOCOL', { detail: `fields ${found.join(', ').slice(0, 200)} where ${names.join(', ')} are due` })
  return value
}

function whole(value: unknown, name: string, least: number, most: number): number {
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < least || value > most)
    throw new NodeError('GPU_PROTOCOL', { detail: `${name} is no integer from ${least} to ${most}` })
  return value
}

/** @throws NodeError GPU_PROTOCOL */
export function readAnswer(header: Header): Answer {
  const kind = (['progress', 'ok', 'error'] as const).find((name) => Object.hasOwn(header, name))
  if (kind === undefined) throw new NodeError('GPU_PROTOCOL', { detail: 'neither progress nor ok nor error' })
  fields(header, ['id', kind])
  const id = whole(header['id'], 'id', 1, ID_MAX)
  if (kind === 'ok') {
    const ok = header['ok']
    if (!isObject(ok)) throw new NodeError('GPU_PROTOCOL', { detail: 'ok is no object' })
    return { kind, id, ok }
  }
  if (kind === 'progress') {
    const { done, total } = fields(header['progress'], ['done', 'total'])
    return { kind, id, done: whole(done, 'done', 0, Number.MAX_SAFE_INTEGER), total: whole(total, 'total', 0, Number.MAX_SAFE_INTEGER) }
  }
  const { code, text } = fields(header['error'], ['code', 'text'])
  if (typeof code !== 'string' || !/^[A-Z][A-Z0-9_]{0,63}$/.test(code) || typeof text !== 'string' || text.length > TEXT_MAX)
    throw new NodeError('GPU_PROTOCOL', { detail: 'an error without a code and a short text' })
  return { kind, id, code, text }
}
