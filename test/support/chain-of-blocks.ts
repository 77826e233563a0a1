/** Stored blocks that follow one another, made up from a seed. */
import type { StoredBlock } from '../../src/protocol/ports/block-store.ts'
import { rng } from './random.ts'

export const heightKey = (height: number): string => String(height).padStart(12, '0')

/** Blocks of heights 0..count-1; each writes one receipt row, one history row, and one epoch row whose key comes again every 5 blocks. */
export function chainOfBlocks(count: number, seed = 7, bytes = 200): StoredBlock[] {
  const random = rng(seed)
  const blocks: StoredBlock[] = []
  let parent = new Uint8Array(32)
  for (let height = 0; height < count; height++) {
    const hash = Uint8Array.from(random.bytes(32))
    blocks.push({
      height,
      hash,
      parent,
      stateRoot: random.bytes(32),
      block: random.bytes(bytes),
      results: random.bytes(bytes >> 1),
      rows: [
        { table: 'receipt', key: `tx-${seed}-${height}`, value: random.bytes(20) },
        { table: 'history', key: heightKey(height), value: random.bytes(12) },
        { table: 'epoch', key: `slot-${height % 5}`, value: random.bytes(9) },
      ],
    })
    parent = hash
  }
  return blocks
}
