import { expect, test } from 'vitest'
import { toHex } from '../../../src/protocol/bytes.ts'
import { weightsCommitment } from '../../../src/protocol/weights.ts'
import type { WeightsRow } from '../../../src/protocol/weights.ts'

const key = (n: number): Uint8Array => new Uint8Array(32).fill(n)
const row = (change: Partial<WeightsRow> = {}): WeightsRow => ({
  genesis: key(1),
  netuid: 1,
  hotkey: key(2),
  epoch: 3n,
  uids: Uint16Array.of(0, 5),
  values: Uint16Array.of(65_535, 7),
  salt: key(4),
  evidence: key(5),
  ...change,
})

test('a commitment binds chain, market, validator, epoch, weights, salt and evidence', () => {
  const changes: Partial<WeightsRow>[] = [
    {},
    { genesis: key(9) },
    { netuid: 2 },
    { hotkey: key(9) },
    { epoch: 4n },
    { uids: Uint16Array.of(0, 6) },
    { values: Uint16Array.of(65_535, 8) },
    { uids: Uint16Array.of(0), values: Uint16Array.of(65_535) },
    { salt: key(9) },
    { evidence: key(9) },
  ]
  expect(new Set(changes.map((change) => toHex(weightsCommitment(row(change))))).size).toBe(changes.length)
  expect(weightsCommitment(row())).toEqual(weightsCommitment(row()))
})
test('a value outside its type has no commitment', () => {
  for (const change of [{ netuid: 65_536 }, { epoch: -1n }, { salt: new Uint8Array(31) }, { uids: new Uint16Array(4_097) }])
    expect(() => weightsCommitment(row(change))).toThrow(expect.objectContaining({ code: 'LEDGER_MALFORMED' }))
})
