/** Time of exact contributions and of the codecs that a validator runs for every peer, beside the twin; the same bits first. */
import { expect, test } from 'vitest'
import { loadAddon } from '../src/native/addon.ts'
import { mixtureReference } from '../src/native/reference/mixture.ts'
import type { GameInput, MixtureCompute } from '../src/protocol/ports/compute.ts'
import { leaves, numbers, text } from '../test/support/games.ts'

const mixture = loadAddon().mixture

function game(players: number, spans: number, length: number): GameInput {
  const next = numbers(players)
  const row = (): Uint16Array => Uint16Array.from({ length: spans * length }, () => next(14_000))
  return { length, spans, fallback: row(), peers: Array.from({ length: players }, row) }
}

test('Shapley of 12 peers x 2,048 positions', { timeout: 300_000 }, async ({ bench }) => {
  const input = game(12, 8, 256)
  expect(await mixture.shapley(input)).toEqual(await mixtureReference.shapley(input))
  await bench.compare(
    bench('addon', async () => void (await mixture.shapley(input))),
    bench('twin', async () => void (await mixtureReference.shapley(input))),
    // The twin takes seconds: two runs tell enough of it.
    { time: 1_000, iterations: 2, warmupIterations: 1, warmupTime: 0 },
  )
})

test.for([8, 16])('Shapley of %i peers', { timeout: 300_000 }, async (players, { bench }) => {
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

const LEAVES = 2_048
const [given, fallback, bytes] = [leaves(1, LEAVES), leaves(3, LEAVES), text(2, LEAVES)]
const logarithms = Float32Array.from(given, (code) => -code / 16)
const short = mixture.ntdEncode(given, 1, 64)
const claim = {
  queryId: new Uint8Array(16),
  hotkey: new Uint8Array(32),
  salt: new Uint8Array(32),
  leaves: given,
  claims: mixture.claims(given, bytes).slice(1),
}
/** Each with the memory that its caller keeps for rows. */
const codecs: [string, (by: MixtureCompute, rows: Float64Array) => unknown][] = [
  ['claims', (by) => by.claims(given, bytes)],
  ['decode', (by, rows) => by.decode(given, rows)],
  ['encode', (by) => by.encode(logarithms)],
  ['NTD encode (1/64)', (by) => by.ntdEncode(given, 1, 64)],
  ['NTD decode (1/64)', (by, rows) => by.ntdDecode(short, fallback, rows)],
  ['commit', (by) => by.commit(claim)],
]

test.for(codecs)('%s of 2,048 leaves (512 KiB)', { timeout: 300_000 }, async ([, work], { bench }) => {
  const [ours, twins] = [new Float64Array(given.length), new Float64Array(given.length)]
  expect(work(mixture, ours)).toEqual(work(mixtureReference, twins))
  await bench.compare(
    bench('addon', () => void work(mixture, ours)),
    bench('twin', () => void work(mixtureReference, twins)),
    { time: 1_000, iterations: 5 },
  )
})
