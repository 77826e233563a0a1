/** Time of exact contributions and of the codecs that a validator runs for every peer; checked against the twin first. */
import { expect, test } from 'vitest'
import { loadAddon } from '../src/native/addon.ts'
import { mixtureReference } from '../src/native/reference/mixture.ts'
import type { GameInput } from '../src/protocol/ports/compute.ts'
import { leaves, numbers, text } from '../test/support/games.ts'

const mixture = loadAddon().mixture

function game(players: number, spans: number, length: number): GameInput {
  const next = numbers(players)
  const row = (): Uint16Array => Uint16Array.from({ length: spans * length }, () => next(14_000))
  return { length, spans, fallback: row(), peers: Array.from({ length: players }, row) }
}

test.for([8, 12, 16])('Shapley of %i peers', { timeout: 300_000 }, async (players, { bench }) => {
  // The twin plays the same players on one block of positions; all else of the walk is the same.
  const short = game(Math.min(players, 12), 1, 16)
  expect((await mixture.shapley(short)).phi).toEqual((await mixtureReference.shapley(short)).phi)
  const input = game(players, 8, 256)
  const { phi, all, none } = await mixture.shapley(input)
  const sum = [...phi].reduce((total, one) => total + Number(one) / 2 ** 32, 0)
  expect(Math.abs(sum - (all - none))).toBeLessThan(1e-8)
  await bench(`mixture.shapley.${players}x2048`, async () => {
    await mixture.shapley(input)
  }).run({ time: 1_000, iterations: 5, warmupIterations: 2, warmupTime: 0 })
})

test('codecs of 2,048 leaves (512 KiB)', { timeout: 300_000 }, async ({ bench }) => {
  const [given, bytes] = [leaves(1, 2_048), text(2, 2_048)]
  expect(mixture.claims(given, bytes)).toEqual(mixtureReference.claims(given, bytes))
  expect(mixture.decode(given)).toEqual(mixtureReference.decode(given))
  const input = { queryId: new Uint8Array(16), hotkey: new Uint8Array(32), salt: new Uint8Array(32), leaves: given }
  const claims = mixture.claims(given, bytes).slice(1)
  expect(mixture.commit({ ...input, claims })).toEqual(mixtureReference.commit({ ...input, claims }))
  await bench.compare(
    bench('claims', () => {
      mixture.claims(given, bytes)
    }),
    bench('decode', () => {
      mixture.decode(given)
    }),
    bench('commit', () => {
      mixture.commit({ ...input, claims })
    }),
  )
})
