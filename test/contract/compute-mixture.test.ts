/** The addon and its twin keep the same contract, and give the same bits for whatever enters a score. */
import { readFileSync } from 'node:fs'
import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { loadAddon } from '../../src/native/addon.ts'
import { X, Y } from '../../src/native/reference/mixture-numbers.ts'
import { mixtureReference } from '../../src/native/reference/mixture.ts'
import { blake3 } from '../../src/protocol/hash.ts'
import type { MixtureReport } from '../../src/protocol/ports/compute.ts'
import { gameInput, leaves, text } from '../support/games.ts'
import { mixtureContract } from './compute-mixture.ts'

const seed = Number(process.env['TAUMESH_SEED'])
const addon = loadAddon().mixture

mixtureContract('addon', () => addon)
mixtureContract('reference', () => mixtureReference)

const bits = (...values: number[]): BigUint64Array => new BigUint64Array(Float64Array.from(values).buffer)
const reportBits = ({ network, uniform, fallback, single }: MixtureReport): BigUint64Array => bits(network, uniform, fallback, ...single)

test('the tables have the hash of the test vector', () => {
  const vector = JSON.parse(readFileSync(new URL('../vectors/mixture-tables.json', import.meta.url), 'utf8'))
  const bytes = new Uint8Array(Float64Array.of(...X, ...Y).buffer)
  expect(Buffer.from(blake3(bytes)).toString('hex')).toBe(vector.blake3)
})

test('addon and twin give the same contributions, values and reports, to the last bit', async () => {
  const agree = fc.asyncProperty(gameInput(), async (game) => {
    const [ours, theirs] = [await addon.shapley(game), await mixtureReference.shapley(game)]
    expect(ours.phi).toEqual(theirs.phi)
    expect(bits(ours.all, ours.none)).toEqual(bits(theirs.all, theirs.none))
    const masks = Uint32Array.from({ length: 2 ** game.peers.length }, (_, mask) => mask)
    expect(bits(...addon.values(game, masks))).toEqual(bits(...mixtureReference.values(game, masks)))
    expect(reportBits(addon.report(game))).toEqual(reportBits(mixtureReference.report(game)))
  })
  await fc.assert(agree, { seed, numRuns: 150 })
})

test('addon and twin read and write the same leaves, commitments and short forms', () => {
  const agree = fc.property(
    fc.integer(),
    fc.integer({ min: 2, max: 40 }),
    fc.double({ min: 0.01, max: 1, noNaN: true }),
    (from, count, topP) => {
      const [given, bytes, fallback] = [leaves(from, count), text(from + 1, count), leaves(from + 2, count)]
      const claims = addon.claims(given, bytes)
      expect(claims).toEqual(mixtureReference.claims(given, bytes))
      const decoded = addon.decode(given)
      expect(bits(...decoded)).toEqual(bits(...mixtureReference.decode(given)))
      const ln = Float32Array.from(decoded, (p) => Math.log(p) * 1.1 + 3)
      expect(addon.encode(ln)).toEqual(mixtureReference.encode(ln))
      const claim = {
        queryId: new Uint8Array(16),
        hotkey: new Uint8Array(32),
        leaves: given,
        claims: claims.slice(1),
        salt: new Uint8Array(32),
      }
      expect(addon.commit(claim)).toEqual(mixtureReference.commit(claim))
      const ntds = addon.ntdEncode(given, topP, 64)
      expect(ntds).toEqual(mixtureReference.ntdEncode(given, topP, 64))
      expect(bits(...addon.ntdDecode(ntds, fallback))).toEqual(bits(...mixtureReference.ntdDecode(ntds, fallback)))
    },
  )
  fc.assert(agree, { seed, numRuns: 60 })
})
