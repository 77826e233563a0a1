import { expect, test } from 'vitest'
import { deserialize, serialize } from '../../../../src/ledger/state/load.ts'
import { queries } from '../../../../src/ledger/state/queries.ts'
import { toHex } from '../../../../src/protocol/bytes.ts'
import { blocksTo, fullMarket } from '../../../support/full-market.ts'
import { checkLaws } from '../../../support/ledger-laws.ts'
import { testParts } from '../../../support/ledger-world.ts'
import { stateType } from '../../../support/state-type.ts'

test('a market of 4,096 ends its epoch, pays everybody and goes through its bytes', { timeout: 240_000 }, () => {
  const before = blocksTo(fullMarket(4_096, 4, testParts), 6, testParts)
  const applied = blocksTo(before.state, 7, testParts)
  checkLaws(before.state, applied)
  const [record] = applied.epochs
  expect(record?.summary).toMatchObject({ netuid: 1, byWeights: true, active: 4_096 })
  const neurons = queries.neurons(applied.state, 1)
  expect(neurons).toHaveLength(4_096)
  expect(neurons.filter(({ emission }) => emission > 0n).length).toBeGreaterThan(4_000)
  const bytes = serialize(applied.state)
  expect(toHex(deserialize(bytes).root())).toBe(toHex(applied.root))
  expect(toHex(stateType.hashTreeRoot(stateType.deserialize(bytes)))).toBe(toHex(applied.root))
})
