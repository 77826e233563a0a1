/**
 * Times of the state machine: a block without transactions, the epoch of a full market, a state to bytes and back. Roots with
 * addon and twin are compared on a smaller market first.
 */
import { expect, test } from 'vitest'
import { deserialize, serialize } from '../src/ledger/state/load.ts'
import { loadAddon } from '../src/native/addon.ts'
import { toHex } from '../src/protocol/bytes.ts'
import { blocksTo, fullMarket } from '../test/support/full-market.ts'
import { testParts } from '../test/support/ledger-world.ts'

const parts = { ...testParts, consensus: loadAddon().consensus }
const times = { time: 1_000, iterations: 5, warmupTime: 200 }

test('addon and twin give one root', () => {
  expect(toHex(blocksTo(fullMarket(256, 16, parts), 27, parts).root)).toBe(
    toHex(blocksTo(fullMarket(256, 16, testParts), 27, testParts).root),
  )
})

test.for([
  [16, 4],
  [4_096, 128],
] as const)('%i neurons, %i validators', { timeout: 300_000 }, async ([neurons, validators], { bench }) => {
  const state = fullMarket(neurons, validators, parts)
  const [beforeEpoch, after] = [blocksTo(state, 6, parts).state, blocksTo(state, 8, parts).state]
  const name = `${neurons}x${validators}`
  await bench(`state.block.${name}`, () => {
    blocksTo(after, 9, parts)
  }).run(times)
  await bench(`state.epoch.${name}`, () => {
    blocksTo(beforeEpoch, 7, parts)
  }).run(times)
  const bytes = serialize(after)
  await bench(`state.serialize.${name}`, () => {
    serialize(after)
  }).run(times)
  await bench(`state.deserialize.${name}`, () => {
    expect(deserialize(bytes).height).toBe(8)
  }).run(times)
})
