/**
 * Laws of contributions: they add up to what the network saves, strangers to the mixture earn nothing, who stands where
 * does not matter, and a cluster earns together what its union would earn as one player.
 */
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { loadAddon } from '../../src/native/addon.ts'
import { mixtureReference } from '../../src/native/reference/mixture.ts'
import type { GameInput, MixtureCompute } from '../../src/protocol/ports/compute.ts'
import { gameInput } from '../support/games.ts'

const seed = Number(process.env['TAUMESH_SEED'])
/** φ is stored in 2⁻³² bits per byte. */
const UNIT = 2 ** -32
/** Sums of binary64 in another order: far below one stored unit per player. */
const bits = (phi: bigint | undefined): number => Number(phi ?? 0n) * UNIT
const sumOf = (values: Iterable<number>): number => [...values].reduce((sum, value) => sum + value, 0)

/** Every player plays, so that the whole game is the game of all. */
const plain = (players: number): fc.Arbitrary<GameInput> => gameInput(players).map((game) => ({ ...game, independents: undefined }))

/** The Shapley value of the game between unions: `values` holds v of every coalition of players. */
function quotient(values: Float64Array, unions: number[]): number[] {
  const m = unions.length
  const factorial = (k: number): number => (k < 2 ? 1 : k * factorial(k - 1))
  const joined = (r: number): number => unions.reduce((mask, union, k) => (((r >> k) & 1) === 1 ? mask | union : mask), 0)
  return unions.map((union, k) => {
    let sum = 0
    for (let r = 0; r < 1 << m; r++) {
      if (((r >> k) & 1) === 1) continue
      const size = r.toString(2).replaceAll('0', '').length
      sum += ((values[joined(r) | union]! - values[joined(r)]!) * factorial(size) * factorial(m - 1 - size)) / factorial(m)
    }
    return sum
  })
}

function laws(name: string, mixture: MixtureCompute, numRuns: number): void {
  const check = async <T>(law: fc.IAsyncProperty<T>): Promise<void> => {
    await fc.assert(law, { seed, numRuns })
  }

  describe(`contributions of the ${name}`, () => {
    test('add up to what the network saves over the fallback', async () => {
      await check(
        fc.asyncProperty(plain(6), async (game) => {
          const { phi, all, none } = await mixture.shapley(game)
          expect(Math.abs(sumOf([...phi].map(bits)) - (all - none))).toBeLessThan(UNIT * (game.peers.length + 1))
        }),
      )
    })

    test('are nothing for who failed, and the same for all others as if it had not been invited', async () => {
      await check(
        fc.asyncProperty(plain(4), fc.nat(3), async (some, at) => {
          const game = { ...some, clusters: undefined }
          const failing = { ...game, peers: game.peers.toSpliced(at, 0, null) }
          const [without, withFailed] = [await mixture.shapley(game), await mixture.shapley(failing)]
          const place = Math.min(at, game.peers.length)
          expect(withFailed.phi[place]).toBe(0n)
          const others = [...withFailed.phi].toSpliced(place, 1)
          others.forEach((phi, i) => expect(Math.abs(bits(phi) - bits(without.phi[i]))).toBeLessThan(3 * UNIT))
        }),
      )
    })

    test('do not depend on who stands where', async () => {
      const shuffled = plain(5).chain((game) => {
        const order = fc.shuffledSubarray(
          game.peers.map((_, i) => i),
          { minLength: game.peers.length },
        )
        return fc.tuple(fc.constant(game), order)
      })
      await check(
        fc.asyncProperty(shuffled, async ([game, order]) => {
          const moved: GameInput = {
            ...game,
            peers: order.map((old) => game.peers[old]!),
            clusters: game.clusters && Uint16Array.from(order, (old) => game.clusters![old]!),
          }
          const [here, there] = [await mixture.shapley(game), await mixture.shapley(moved)]
          order.forEach((old, i) => expect(Math.abs(bits(there.phi[i]) - bits(here.phi[old]))).toBeLessThan(3 * UNIT))
        }),
      )
    })

    test('of a cluster add up to what its union earns as one player', async () => {
      await check(
        fc.asyncProperty(plain(5), async (game) => {
          const n = game.peers.length
          const numbers = [...(game.clusters ?? Uint16Array.from({ length: n }, (_, i) => i))]
          const names = [...new Set(numbers)]
          const unions = names.map((name) => numbers.reduce((mask, number, i) => (number === name ? mask | (1 << i) : mask), 0))
          const values = mixture.values(
            game,
            Uint32Array.from({ length: 1 << n }, (_, mask) => mask),
          )
          const { phi } = await mixture.shapley(game)
          quotient(values, unions).forEach((value, k) => {
            const together = sumOf([...phi].map((one, i) => (numbers[i] === names[k] ? bits(one) : 0)))
            expect(Math.abs(together - value)).toBeLessThan(UNIT * (n + 1))
          })
        }),
      )
    })

    test('copies in the cluster of their original share its slot equally', async () => {
      await check(
        fc.asyncProperty(plain(3), fc.integer({ min: 1, max: 3 }), async (some, copies) => {
          const peers = some.peers.filter((claims) => claims !== null)
          fc.pre(peers.length >= 2)
          const last = peers.at(-1)!
          const cloned = [...peers, ...Array.from({ length: copies }, () => last)]
          const clusters = Uint16Array.from(cloned, (_, i) => Math.min(i, peers.length - 1))
          const { phi } = await mixture.shapley({ ...some, peers: cloned, clusters })
          const slots = [...phi].slice(peers.length - 1)
          for (const one of slots) expect(Math.abs(bits(one) - bits(slots[0]))).toBeLessThan(3 * UNIT)
        }),
      )
    })
  })
}

laws('addon', loadAddon().mixture, 250)
laws('twin', mixtureReference, 25)
