/** The addon and its twin keep the same contract, and agree on inputs that nobody recorded. */
import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { loadAddon } from '../../src/native/addon.ts'
import { consensusReference } from '../../src/native/reference/consensus.ts'
import { denseEpoch, epochInput } from '../support/epochs.ts'
import { consensusContract } from './compute-consensus.ts'
import { whatIfContract } from './compute-what-if.ts'

const addon = loadAddon().consensus

consensusContract('addon', () => addon)
consensusContract('reference', () => consensusReference)
whatIfContract('addon', () => addon, 300)
whatIfContract('reference', () => consensusReference, 30)

const seed = Number(process.env['TAUMESH_SEED'])

test('addon and twin agree to the last bit on random and adversarial epochs', () => {
  const agree = fc.property(epochInput(), (input) => {
    expect(addon.epoch(input)).toEqual(consensusReference.epoch(input))
  })
  fc.assert(agree, { seed, numRuns: 1_000 })
})

test('addon and twin agree where the addon works in parallel', () => {
  const [input] = fc.sample(denseEpoch(170), { seed, numRuns: 1 })
  expect(input!.weights.uids.length + input!.bonds.uids.length).toBeGreaterThan(40_000)
  expect(addon.epoch(input!)).toEqual(consensusReference.epoch(input!))
})
