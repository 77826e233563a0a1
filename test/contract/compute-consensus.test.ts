/** The addon and its twin keep the same contract, and agree on inputs that nobody recorded. */
import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { loadAddon } from '../../src/native/addon.ts'
import { consensusReference } from '../../src/native/reference/consensus.ts'
import { denseEpoch, epochInput, widestMarkets } from '../support/epochs.ts'
import { numbers } from '../support/games.ts'
import { consensusContract } from './compute-consensus.ts'
import { whatIfContract } from './compute-what-if.ts'

const addon = loadAddon().consensus

consensusContract('addon', () => addon)
consensusContract('reference', () => consensusReference)
whatIfContract('addon', () => addon, 300)
whatIfContract('reference', () => consensusReference, 30)

const seed = Number(process.env['TAUMESH_SEED'])
/** Random epochs that both compute. */
const epochs = Number(process.env['TAUMESH_EPOCHS'] ?? 100_000)

test('addon and twin agree to the last bit on random and adversarial epochs', { timeout: 600_000 }, () => {
  const agree = fc.property(epochInput(), (input) => {
    expect(addon.epoch(input)).toEqual(consensusReference.epoch(input))
  })
  fc.assert(agree, { seed, numRuns: epochs })
})

test('addon and twin agree where the addon works in parallel', () => {
  const [input] = fc.sample(denseEpoch(170), { seed, numRuns: 1 })
  expect(input!.weights.uids.length + input!.bonds.uids.length).toBeGreaterThan(40_000)
  expect(addon.epoch(input!)).toEqual(consensusReference.epoch(input!))
})

test.each(widestMarkets)('addon and twin agree on 4,096 uids with %s', { timeout: 300_000 }, (_, draw) => {
  const input = draw(numbers(seed))
  expect(input.n).toBe(4_096)
  expect(addon.epoch(input)).toEqual(consensusReference.epoch(input))
})
