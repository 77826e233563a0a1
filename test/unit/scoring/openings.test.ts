import { expect, test } from 'vitest'
import { beacon, openings } from '../../../src/scoring/openings.ts'

const seed = new Uint8Array(32).fill(3)
const mark = beacon(new Uint8Array(32).fill(9), seed)
const query = { queryId: new Uint8Array(16).fill(1), uid: 5, length: 256, swaps: [40, 90] }

test('four different leaves below T-1, those of the swaps first', () => {
  for (let uid = 0; uid < 200; uid++) {
    const positions = openings(mark, { ...query, uid })
    expect(positions.slice(0, 2)).toEqual([40, 90])
    expect(new Set(positions).size).toBe(4)
    for (const position of positions) expect(position).toBeLessThan(255)
  }
})
test('the common ones are the same for all peers, the own one is not', () => {
  const all = Array.from({ length: 50 }, (_, uid) => openings(mark, { ...query, uid, swaps: [] }))
  for (const positions of all) expect(positions.slice(0, 3)).toEqual(all[0]?.slice(0, 3))
  expect(new Set(all.map((positions) => positions[3])).size).toBeGreaterThan(30)
})
test('another block, seed or query draws others', () => {
  const draw = (block: number, secret: number, id: number): string =>
    openings(beacon(new Uint8Array(32).fill(block), new Uint8Array(32).fill(secret)), {
      ...query,
      swaps: [],
      queryId: new Uint8Array(16).fill(id),
    }).join()
  expect(new Set([draw(1, 1, 1), draw(2, 1, 1), draw(1, 2, 1), draw(1, 1, 2)]).size).toBe(4)
})
