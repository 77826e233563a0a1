/** Snapshots of the state inside `blocks.db`: cut into chunks, each with its checksum, the two newest kept. */
import { numberBytes, rowChecksum } from './checksum.ts'
import { SNAPSHOT_CHUNK_BYTES, SNAPSHOTS_KEPT } from './block-rules.ts'
import type { Database } from './database.ts'
import { storeCorrupt } from './failure.ts'
import { bytesOf } from './sqlite-blocks.ts'

export interface Snapshot {
  height: number
  stateRoot: Uint8Array
  bytes: Uint8Array
}

const head = (at: { height: number; stateRoot: Uint8Array; length: number; chunks: number }): number =>
  rowChecksum('snapshot', at.height, at.stateRoot, numberBytes(at.length, at.chunks))

/** Writes a snapshot and drops all but the newest ones; inside the caller's transaction. */
export function saveSnapshot(database: Database, { height, stateRoot, bytes }: Snapshot): void {
  const chunks = Math.ceil(bytes.length / SNAPSHOT_CHUNK_BYTES)
  database.run('DELETE FROM snapshot_chunk WHERE height = ?', height)
  const checksum = head({ height, stateRoot, length: bytes.length, chunks })
  database.run('INSERT OR REPLACE INTO snapshot VALUES (?, ?, ?, ?, ?)', height, stateRoot, bytes.length, chunks, checksum)
  for (let part = 0; part < chunks; part++) {
    const value = bytes.subarray(part * SNAPSHOT_CHUNK_BYTES, (part + 1) * SNAPSHOT_CHUNK_BYTES)
    database.run('INSERT INTO snapshot_chunk VALUES (?, ?, ?, ?)', height, part, rowChecksum('chunk', `${height}/${part}`, value), value)
  }
  const kept = database.all('SELECT height FROM snapshot ORDER BY height DESC LIMIT ?', SNAPSHOTS_KEPT).at(-1)?.['height']
  if (typeof kept !== 'number') return
  database.run('DELETE FROM snapshot WHERE height < ?', kept)
  database.run('DELETE FROM snapshot_chunk WHERE height < ?', kept)
}

/** @throws STORE_CORRUPT when a chunk is missing or altered */
export function newestSnapshot(database: Database): Snapshot | null {
  const row = database.get('SELECT height, state_root, bytes, chunks, crc FROM snapshot ORDER BY height DESC LIMIT 1')
  if (row === undefined) return null
  const [height, length, chunks] = [Number(row['height']), Number(row['bytes']), Number(row['chunks'])]
  const stateRoot = bytesOf(row['state_root'])
  const corrupt = (where: string): Error => storeCorrupt(database.file, where, 'the checksum differs or it is missing')
  if (row['crc'] !== head({ height, stateRoot, length, chunks })) throw corrupt(`snapshot ${height}`)
  const parts: Uint8Array[] = []
  for (const chunk of database.all('SELECT part, crc, value FROM snapshot_chunk WHERE height = ? ORDER BY part', height)) {
    const value = bytesOf(chunk['value'])
    const part = parts.push(value) - 1
    if (chunk['part'] !== part || chunk['crc'] !== rowChecksum('chunk', `${height}/${part}`, value))
      throw corrupt(`snapshot ${height}, chunk ${part}`)
  }
  const bytes = new Uint8Array(Buffer.concat(parts))
  if (parts.length !== chunks || bytes.length !== length) throw corrupt(`snapshot ${height}`)
  return { height, stateRoot, bytes }
}

export function oldestSnapshotHeight(database: Database): number | null {
  const height = database.get('SELECT min(height) AS height FROM snapshot')?.['height']
  return typeof height === 'number' ? height : null
}
