/**
 * Addon and twin give the same bits at the bounds of a game and of the codecs: no player, one and sixteen, all failed, all
 * followers, one cluster of all, claims of nothing, of everything and beyond; and neither throws anything but its codes.
 */
import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { loadAddon } from '../../src/native/addon.ts'
import { mixtureReference } from '../../src/native/reference/mixture.ts'
import { NodeError } from '../../src/protocol/errors.ts'
import type { GameInput, MixtureCompute } from '../../src/protocol/ports/compute.ts'
import { LEAF_BYTES } from '../../src/protocol/ports/compute.ts'
import { leaves, numbers } from '../support/games.ts'

const seed = Number(process.env['TAUMESH_SEED'])
const addon = loadAddon().mixture
const POSITIONS = 16
const bitsOf = (values: Iterable<number>): BigUint64Array => new BigUint64Array(Float64Array.from(values).buffer)

/** Rows of claims at the bounds: nothing, the least, the most that a leaf makes, the most that 16 bits hold, mixed. */
const rows: readonly ((draw: (below: number) => number) => Uint16Array)[] = [
  () => new Uint16Array(POSITIONS),
  () => new Uint16Array(POSITIONS).fill(1),
  () => new Uint16Array(POSITIONS).fill(56_783),
  () => new Uint16Array(POSITIONS).fill(65_535),
  () => Uint16Array.from({ length: POSITIONS }, (_, t) => (t % 2 === 0 ? 0 : 65_535)),
  (draw) => Uint16Array.from({ length: POSITIONS }, () => draw(65_536)),
  (draw) => Uint16Array.from({ length: POSITIONS }, () => draw(9_000)),
]

/** Everything that a game gives, as bits. */
async function outcomeOf(mixture: MixtureCompute, game: GameInput) {
  const { phi, all, none } = await mixture.shapley(game)
  const values = mixture.values(game, Uint32Array.of(0, 2 ** game.peers.length - 1))
  const { network, uniform, fallback, single } = mixture.report(game)
  return { phi, bits: bitsOf([all, none, ...values, network, uniform, fallback, ...single]) }
}

const drawn = (players: number, draw: (below: number) => number): GameInput => ({
  length: POSITIONS,
  spans: 1,
  fallback: rows[draw(rows.length)]!(draw),
  peers: Array.from({ length: players }, () => rows[draw(rows.length)]!(draw)),
})

test.each([0, 1, 2, 3, 4, 5, 6, 8, 10, 16])('games of %i players at the bounds of their claims', { timeout: 180_000 }, async (players) => {
  const draw = numbers(seed + players)
  for (let i = 0; i < Math.max(1, Math.min(40, 2 ** (12 - players))); i++) {
    const game = drawn(players, draw)
    expect(await outcomeOf(addon, game)).toEqual(await outcomeOf(mixtureReference, game))
  }
})

test('every row of claims against every other one, as fallback and as player', async () => {
  const draw = numbers(seed)
  for (const fallback of rows) {
    for (const peer of rows) {
      const game: GameInput = { length: POSITIONS, spans: 1, fallback: fallback(draw), peers: [peer(draw), rows[6]!(draw)] }
      expect(await outcomeOf(addon, game)).toEqual(await outcomeOf(mixtureReference, game))
    }
  }
})

test('who failed, who follows and who is in a cluster, all of them or none', async () => {
  const draw = numbers(seed + 100)
  for (let i = 0; i < 12; i++) {
    const game = drawn(7, draw)
    const failed = game.peers.map((claims) => (draw(2) === 0 ? null : claims))
    const flags = Uint8Array.from(game.peers, () => draw(2))
    const clusters = Uint16Array.from(game.peers, () => draw(3) * 32_767)
    const changes: Partial<GameInput>[] = [
      { peers: failed },
      { peers: game.peers.map(() => null) },
      { independents: new Uint8Array(7) },
      { peers: failed, independents: flags, clusters },
      { clusters: new Uint16Array(7).fill(65_535) },
      { clusters, independents: Uint8Array.of(...new Uint8Array(6), 255) },
    ]
    for (const change of changes) {
      const changed = { ...game, ...change }
      expect(await outcomeOf(addon, changed)).toEqual(await outcomeOf(mixtureReference, changed))
    }
  }
})

/** What a call gives, or the code of its error; anything else it throws fails the test. */
function outcome(work: () => Iterable<number>): unknown {
  try {
    return bitsOf(work())
  } catch (error) {
    if (!(error instanceof NodeError)) throw error
    return error.code
  }
}

test('short forms of any bytes at all are decoded alike or refused alike', () => {
  const some = fc.array(fc.oneof(fc.constantFrom(0, 1, 2, 63, 64, 65, 255), fc.nat(255)), { maxLength: 200 })
  const both = (bytes: Uint8Array, fallback: Uint8Array) =>
    [addon, mixtureReference].map((mixture: MixtureCompute) => outcome(() => mixture.ntdDecode(bytes, fallback)))
  const law = fc.property(some, fc.integer({ min: 0, max: 3 }), fc.integer(), (bytes, count, from) => {
    const [ours, theirs] = both(Uint8Array.from(bytes), leaves(from, count))
    expect(ours).toEqual(theirs)
  })
  fc.assert(law, { seed, numRuns: 400 })
  // Well-formed ones: any number of entries, any codes.
  const entries = fc.uniqueArray(fc.nat(255), { maxLength: 64 }).chain((of) =>
    fc.array(fc.constantFrom(0, 1, 90, 254, 255), { minLength: of.length + 1, maxLength: of.length + 1 }).map((codes) => {
      const sorted = of.toSorted((a, b) => a - b)
      return [of.length, ...sorted.flatMap((byte, i) => [byte, codes[i]!]), codes.at(-1)!]
    }),
  )
  const formed = fc.property(fc.array(entries, { minLength: 1, maxLength: 9 }), fc.integer(), (positions, from) => {
    const [ours, theirs] = both(Uint8Array.from(positions.flat()), leaves(from, positions.length))
    expect(ours).toEqual(theirs)
    expect(typeof ours).toBe('object')
  })
  fc.assert(formed, { seed, numRuns: 150 })
})

test('rows of any floats are encoded alike or refused alike, and all leaves written short alike', () => {
  const value = fc.oneof(
    { weight: 10, arbitrary: fc.float({ min: -20, max: 0, noNaN: true }) },
    { weight: 1, arbitrary: fc.constantFrom(-Infinity, 0, -0, 3.4e38, -3.4e38, 1e-45, Number.NaN, Infinity) },
  )
  const row = fc.array(value, { minLength: LEAF_BYTES, maxLength: LEAF_BYTES })
  const calm = fc.array(fc.float({ min: -40, max: 40, noNaN: true }), { minLength: LEAF_BYTES, maxLength: LEAF_BYTES })
  const law = fc.property(fc.array(fc.oneof(row, calm), { minLength: 1, maxLength: 6 }), fc.nat(63), (some, n) => {
    const floats = Float32Array.from(some.flat())
    const [ours, theirs] = [addon, mixtureReference].map((mixture: MixtureCompute) => outcome(() => mixture.encode(floats)))
    expect(ours).toEqual(theirs)
    if (typeof ours === 'string') return
    const given = addon.encode(floats)
    for (const topP of [1e-300, 0.5, 0.95, 1])
      expect(addon.ntdEncode(given, topP, n + 1)).toEqual(mixtureReference.ntdEncode(given, topP, n + 1))
  })
  fc.assert(law, { seed, numRuns: 120 })
})
